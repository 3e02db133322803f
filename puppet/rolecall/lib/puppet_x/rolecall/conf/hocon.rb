# frozen_string_literal: true

require 'hocon'
require 'hocon/config_factory'
require 'hocon/parser/config_document_factory'
require 'json'

module PuppetX
  module Rolecall
    module Conf
      # The text of one of puppetserver's files. Values are HOCON; a section is the first part of a
      # setting's path, and may be nil.
      class HoconText
        # No value of a file of anybody's.
        MARKER = '"rolecall-47c6f2a8"'

        def initialize(text)
          @text = text
        end

        attr_reader :text

        def get(_section, setting)
          return unless document.has_value?(setting)

          # The library tells values, and not how they are written. What is around the value does.
          before, after = document.set_value(setting, MARKER).render.split(MARKER, 2)
          @text[before.size...(@text.size - after.size)]
        end

        def same?(one, other)
          !one.nil? && !other.nil? && parsed(one) == parsed(other)
        end

        def set(_section, setting, value)
          @text = document.set_value(setting, value).render
        end

        def remove(_section, setting)
          @text = document.remove_value(setting).render
        end

        def with(value, item)
          JSON.generate([item, *list(value)])
        end

        def without(value, item)
          JSON.generate(list(value) - [item])
        end

        def include?(value, item)
          list(value).include?(item)
        end

        private

        def document
          Hocon::Parser::ConfigDocumentFactory.parse_string(@text)
        end

        def list(value)
          value ? Array(parsed(value)) : []
        end

        def parsed(value)
          Hocon.parse("value: #{value}")['value']
        end
      end
    end
  end
end
