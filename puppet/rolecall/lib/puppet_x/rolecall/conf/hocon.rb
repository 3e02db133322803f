# frozen_string_literal: true

require 'hocon'
require 'hocon/config_factory'
require 'hocon/parser/config_document_factory'
require 'json'
require_relative 'unfit'

module PuppetX
  module Rolecall
    module Conf
      # The text of one of puppetserver's files. Values are HOCON; a section is the first part of a
      # setting's path, and may be nil.
      class HoconText
        # No value of a file of anybody's.
        MARKER = '"rolecall-47c6f2a8"'

        def initialize(text)
          @valid = text.valid_encoding?
          @text = @valid ? text : Ascii.from(text)
        end

        def text
          @valid ? @text : Ascii.back(@text)
        end

        def get(_section, setting)
          return unless document.has_value?(setting)

          before, after = around(setting)
          @text[before.size...(@text.size - after.size)]
        end

        def inherited(_section, _setting); end

        def same?(one, other)
          !one.nil? && !other.nil? && parsed(one) == parsed(other)
        end

        def set(_section, setting, value)
          # In place: the library would indent each line of a list once more.
          parsed(value)
          found = document.has_value?(setting)
          @text = found ? around(setting).join(value) : document.set_value(setting, value).render
        end

        def remove(_section, setting)
          @text = document.remove_value(setting).render
        end

        def with(value, item)
          # As it is written, with its comments.
          return JSON.generate([item, *list(value)]) if list(value).empty? || !value.start_with?('[')

          "[#{JSON.generate(item)}, #{value[1..-1]}"
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
        rescue Hocon::ConfigError => e
          raise Unfit, "it cannot be read: #{e.message}"
        end

        # The library tells values, and not how they are written. What is around the value does.
        def around(setting)
          parts = document.set_value(setting, MARKER).render.split(MARKER, 2)
          return parts if parts.size == 2 && @text.start_with?(parts[0]) && @text.end_with?(parts[1])

          raise Unfit, "#{setting} is set more than once: leave one of them"
        end

        def list(value)
          value ? Array(parsed(value)) : []
        end

        def parsed(value)
          Hocon.parse("value: #{value}")['value']
        rescue StandardError => e
          raise Unfit, "cannot tell what #{value} is (#{e.message}): write it without ${} and +="
        end
      end
    end
  end
end
