# frozen_string_literal: true

require 'digest'
require 'json'
require_relative 'disk'

module PuppetX
  module Rolecall
    module Conf
      # What the site had, of one of its files: in a file of ours that outlives us.
      #
      # Of each setting: what it was before our first change, and what we made of it. Of the whole file:
      # its text before our first change, and the SHA-256 of what we wrote last and of what that replaced:
      # we may have died between. As long as nobody else writes to it, the file can be put back to the last
      # byte.
      class Memory
        def initialize(store, path)
          @store = store
          @path = path
          @all = load
          @file = @all[path] || {}
        end

        # [what the site had (nil: nothing), what we made of it], or nil where we changed nothing.
        def recall(key)
          settings[key]&.values_at('was', 'ours')
        end

        def remember(key, was, ours)
          kept = settings[key]
          settings[key] = { 'was' => kept ? kept['was'] : was, 'ours' => ours }
        end

        def forget(key)
          settings.delete(key)
        end

        # Before the file is written: who dies between the two has lost nothing.
        def save(before, after)
          @file['original'] = before && pack(before) unless @file.key?('original')
          @file['original'] = nil if foreign?(before)
          @file['written'] = [before, after].map { |text| digest(text) }
          write
        end

        # Whether nothing of ours is left in the file.
        def empty?
          settings.empty?
        end

        # The text before our first change; nil where somebody else has written to the file since.
        def original(current)
          unpack(@file['original']) if @file['original'] && !foreign?(current)
        end

        private

        def settings
          @file['settings'] ||= {}
        end

        # What we wrote, or what we were about to replace when we died.
        def foreign?(text)
          @file['written'] && !@file['written'].include?(digest(text))
        end

        def digest(text)
          Digest::SHA256.hexdigest(text)
        end

        # A comment may be in any encoding, and JSON has but one.
        def pack(text)
          [text].pack('m0')
        end

        def unpack(text)
          text.unpack1('m0').force_encoding(Encoding::UTF_8)
        end

        def load
          text = Disk.read(@store)
          found = text ? JSON.parse(text) : {}
          return found if found.is_a?(Hash) && found.values.all? { |file| whole?(file) }

          raise JSON::ParserError
        rescue JSON::ParserError
          raise Puppet::Error, "#{@store}, which says what the site had, cannot be read; nothing was " \
                               'changed. Put it back from a backup, or remove it: then nothing can be put back'
        end

        def whole?(file)
          file.is_a?(Hash) && file['settings'].is_a?(Hash) && file['settings'].values.all?(Hash)
        end

        def write
          empty? ? @all.delete(@path) : @all[@path] = @file
          Disk.write(@store, "#{JSON.pretty_generate(@all)}\n", 0o600)
        end
      end
    end
  end
end
