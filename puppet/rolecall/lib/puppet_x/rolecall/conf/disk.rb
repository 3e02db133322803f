# frozen_string_literal: true

require 'fileutils'
require 'securerandom'

module PuppetX
  module Rolecall
    module Conf
      # Files that are whole at every moment, whoever reads them and whenever we die.
      module Disk
        # The text, or nil where there is no file. A link is followed.
        def self.read(path)
          File.binread(path).force_encoding(Encoding::UTF_8)
        rescue Errno::ENOENT
          nil
        end

        # Mode and owner stay what they are; a new file has the mode that is given. A link stays, and
        # what it points to is changed.
        def self.write(path, text, mode)
          path = File.realpath(path) if File.exist?(path)
          draft = "#{path}.#{SecureRandom.hex(8)}"
          File.open(draft, File::WRONLY | File::CREAT | File::EXCL, 0o600) do |file|
            like(file, path, mode)
            file.binmode
            file.write(text)
            file.fsync
          end
          File.rename(draft, path)
        ensure
          FileUtils.rm_f(draft) if draft
        end

        def self.like(file, path, mode)
          state = File.stat(path)
          file.chown(state.uid, state.gid)
          file.chmod(state.mode & 0o7777)
        rescue Errno::ENOENT
          file.chmod(mode)
        end

        private_class_method :like
      end
    end
  end
end
