# frozen_string_literal: true

require 'tempfile'
require 'puppet/util/ini_file'
require_relative 'unfit'

module PuppetX
  module Rolecall
    module Conf
      # The text of a puppet.conf. Values are text, as they stand there.
      class Ini
        # A file from before Puppet 6.25 calls the server's section so, and may have no other.
        FORMERLY = { 'server' => 'master' }.freeze

        # Where Puppet looks for a setting of the server's that [server] does not have.
        INHERITED = %w[master main].freeze

        # The library would drop one of two sections of a name.
        def initialize(text)
          @text = Ascii.from(text)
          names = @text.scan(/^\s*\[(.*)\]\s*$/).flatten
          twice = names.find { |name| names.count(name) > 1 }
          raise Unfit, "it has [#{twice}] twice: make one of the two" if twice
        end

        def text
          Ascii.back(@text)
        end

        def get(section, setting)
          found = read { |ini| ini.get_value(actual(ini, section), setting) }
          found && Ascii.back(found)
        end

        def inherited(section, setting)
          return unless FORMERLY.key?(section)

          INHERITED.map { |each| get(each, setting) }.compact.first
        end

        def same?(one, other)
          one == other
        end

        def set(section, setting, value)
          # With the separator: without one it writes none next to a comment that has the setting's name.
          change { |ini| ini.set_value(actual(ini, section), setting, ' = ', Ascii.from(value)) }
        end

        def remove(section, setting)
          change do |ini|
            found = actual(ini, section)
            ini.remove_setting(found, setting) if ini.section?(found)
          end
        end

        # As in `reports`.
        def with(value, item)
          list(value).push(item).join(',')
        end

        def without(value, item)
          list(value).reject { |each| each == item }.join(',')
        end

        def include?(value, item)
          list(value).include?(item)
        end

        private

        def list(value)
          (value || '').split(',').map(&:strip).reject { |item| item.empty? || item == 'none' }
        end

        def actual(ini, section)
          former = FORMERLY[section]
          former && !ini.section?(section) && ini.section?(former) ? former : section
        end

        # The library works on files, and its own way to write one is not atomic.
        def read
          Tempfile.create('rolecall') do |file|
            file.binmode
            file.write(@text)
            file.flush
            yield Puppet::Util::IniFile.new(file.path), file
          end
        end

        def change
          read do |ini, file|
            yield ini
            ini.save
            @text = File.binread(file.path).force_encoding(Encoding::UTF_8)
          end
        end
      end
    end
  end
end
