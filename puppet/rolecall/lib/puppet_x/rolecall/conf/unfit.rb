# frozen_string_literal: true

module PuppetX
  module Rolecall
    module Conf
      # A file in which we cannot change what we should; the message says why, and what to do.
      class Unfit < StandardError; end

      # Text in which every byte is ASCII, for libraries that take no other: a comment may be in any
      # encoding, and what Ruby takes a file for depends on who runs Puppet.
      module Ascii
        MARK = 'rolecall-byte-'

        def self.from(text)
          text.b.gsub(/[\x80-\xff]/n) { |byte| format("#{MARK}%02x", byte.ord) }.force_encoding(Encoding::UTF_8)
        end

        def self.back(text)
          text.b.gsub(/#{MARK}(\h\h)/n) { Regexp.last_match(1).hex.chr }.force_encoding(Encoding::UTF_8)
        end
      end
    end
  end
end
