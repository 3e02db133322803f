# frozen_string_literal: true

require 'fileutils'
require 'securerandom'

module PuppetX
  module Rolecall
    # Passwords that this machine made for itself: they are in no catalogue, no report and no
    # PuppetDB, but in one file each, which is root's alone.
    module Secrets
      FOLDER = '/etc/rolecall/secrets'
      BYTES = 32
      UNMADE = '(made by the first run that is not noop)'

      # The password of that name, which is made if there is none: 64 hexadecimal digits.
      def self.fetch(name, folder: FOLDER, noop: Puppet[:noop])
        path = File.join(folder, name)
        read(path) || (noop ? UNMADE : make(path))
      end

      def self.read(path)
        found = File.read(path).strip
        raise Puppet::Error, "#{path} is empty; delete it: a new password is made" if found.empty?

        found
      rescue Errno::ENOENT
        nil
      end

      # Whole or not at all. Of two runs at once both get the one that was first.
      def self.make(path)
        folder = File.dirname(path)
        FileUtils.mkdir_p(File.dirname(folder))
        FileUtils.mkdir_p(folder, mode: 0o700)
        draft = "#{path}.#{SecureRandom.hex(8)}"
        write(draft, "#{SecureRandom.hex(BYTES)}\n")
        link(draft, path)
        read(path)
      ensure
        FileUtils.rm_f(draft) if draft
      end

      def self.write(path, text)
        File.open(path, File::WRONLY | File::CREAT | File::EXCL, 0o600) do |file|
          file.write(text)
          file.fsync
        end
      end

      def self.link(draft, path)
        File.link(draft, path)
      rescue Errno::EEXIST
        nil
      end

      private_class_method :read, :make, :write, :link
    end
  end
end
