# frozen_string_literal: true

require 'securerandom'
require_relative 'answer'
require_relative 'errors'

module PuppetX
  module Rolecall
    class Lookup
      # The folder of the last good answers, which the script `enc` may share: a file a node.
      class Cache
        MODE = 0o600
        # Whoever reads meanwhile sees the old answer or the new one, both whole.
        NEW = File::WRONLY | File::CREAT | File::EXCL
        # Not through a link, and without waiting for a pipe: neither is of our making.
        OLD = File::RDONLY | File::NOFOLLOW | File::NONBLOCK
        MAX_BODY = 4 * 1024 * 1024

        # An empty folder's name is no cache; the greatest age is in seconds.
        def initialize(folder, max_age)
          @folder = folder
          @max_age = max_age
        end

        def path(node)
          File.join(@folder, node)
        end

        # Errno::..., IOError or ArgumentError if it is not kept.
        def keep(node, text)
          return if @folder.empty?

          # Never a node's own file: certnames begin with a letter or digit.
          fresh = path(".new-#{SecureRandom.hex(8)}")
          File.open(fresh, NEW, MODE) { |file| written(file, text) }
          File.rename(fresh, path(node))
        rescue SystemCallError, IOError
          remove(fresh)
          raise
        end

        # Errno::... or ArgumentError if it is still there.
        def forget(node)
          remove(path(node)) unless @folder.empty?
        end

        # [Answer, its age in seconds]; NoAnswer, Errno::..., IOError or ArgumentError.
        def recall(node)
          raise NoAnswer, 'no cache is set' if @folder.empty?

          text, age = File.open(path(node), OLD) { |file| [read(file), Time.now - file.stat.mtime] }
          answer = Answer.parse(node, text)
          raise NoAnswer, "it is #{age.round} s old" unless age >= 0 && age < @max_age

          [answer, age]
        end

        private

        # The kernel writes less than all when the disk is full.
        def written(file, text)
          raise Errno::ENOSPC unless file.syswrite(text) == text.bytesize
        end

        def read(file)
          state = file.stat
          raise NoAnswer, 'it is not a file' unless state.file?
          unless [0, Process.euid, File.stat(@folder).uid].include?(state.uid)
            raise NoAnswer, 'it belongs to somebody else'
          end

          file.read(MAX_BODY) || ''
        end

        def remove(path)
          File.delete(path)
        rescue Errno::ENOENT, Errno::ENOTDIR
          nil
        end
      end
    end
  end
end
