# frozen_string_literal: true

require_relative 'disk'
require_relative 'memory'
require_relative 'unfit'

module PuppetX
  module Rolecall
    module Conf
      # One of the site's own files, in which we change a setting and put it back.
      #
      # `document` is made of the file's text and has `text`; see Ini and HoconText.
      class SiteFile
        attr_reader :document

        # Puppet::Error where there is no file, or its memory cannot be read.
        def initialize(path, store, kind)
          @path = path
          @before = Disk.read(path)
          raise Puppet::Error, "#{path}: there is no such file: install what brings it first" unless @before

          @document = ask { kind.new(@before) }
          @memory = Memory.new(store, path)
        end

        # Puppet::Error, with the file's name, where the document cannot do what is asked for.
        def ask
          yield
        rescue Unfit => e
          raise Puppet::Error, "#{@path}: #{e.message}"
        end

        def satisfies?
          ask { yield @document }
        end

        # [what the site had, what we made of it], or nil.
        def recall(key)
          @memory.recall(key)
        end

        # Yields the document, for the change.
        def put(key, was, ours)
          ask { yield @document }
          @memory.remember(key, was, ours)
          @memory.save(@before, @document.text)
          write(@document.text)
        end

        # Yields the document, to undo the change of that setting alone; with our last one the whole file
        # is put back, if nobody else has written to it.
        #
        # The file first: who dies then is told, the next time, that the setting is not ours any more.
        def put_back(key)
          ask { yield @document }
          original = @memory.original(@before)
          @memory.forget(key)
          after = @memory.empty? && original ? original : @document.text
          write(after)
          @memory.save(@before, after)
        end

        # Of a setting that is not as we left it: it is the site's.
        def leave(key)
          @memory.forget(key)
          @memory.save(@before, @before)
        end

        private

        def write(text)
          Disk.write(@path, text, 0o644) unless text == @before
        end
      end
    end
  end
end
