# frozen_string_literal: true

module PuppetX
  module Rolecall
    # Where reports are kept (an absolute path), at most how many bytes of them, and what is wrong
    # with what was set: sentences. What is wrong has its default: no report is lost for it.
    #
    # The ENC script explains the file; its other keys are none of this one's business.
    Settings = Struct.new(:spool, :spool_limit, :problems)

    class Settings
      FILE = '/etc/rolecall/enc.conf'
      SPOOL = '/var/lib/rolecall/spool'
      MEBIBYTES = '64'
      MEBIBYTE = 1024 * 1024
      LAWFUL_LIMIT = /\A[1-9]\d{0,6}\z/.freeze
      # Longer ones are not ours.
      MAX_FILE = 64 * 1024

      # Of the environment a puppetserver hands its Ruby no more than HOME, PATH and the proxies';
      # environment-vars in the section jruby-puppet of puppetserver.conf adds to it:
      # https://github.com/puppetlabs/jruby-utils (managed-environment in jruby_core.clj).
      def self.read(environment)
        path = environment.fetch('ENC_CONF', FILE)
        problems = []
        values = from_file(path, problems)
        %w[spool spool_limit].each do |key|
          values[key] = environment.fetch("ENC_#{key.upcase}", values[key])
        end
        new(spool(values['spool'], path, problems), limit(values['spool_limit'], path, problems),
            problems)
      end

      # Read for each report: it is a page long, and a cache would be one more thing to be wrong.
      def self.from_file(path, problems)
        return {} if path.empty?
        # Whoever opens a pipe for reading waits until somebody writes.
        return pairs(File.binread(path, MAX_FILE) || '') if File.stat(path).file?

        problems << "#{path} is not a file: put one there, or name another one in ENC_CONF"
        {}
      rescue Errno::ENOENT
        {}
      rescue SystemCallError => e
        problems << "#{path}: #{e.class.new.message}; let the user that runs the puppetserver " \
                    'read it'
        {}
      end

      def self.pairs(text)
        lines = text.force_encoding(Encoding::UTF_8).scrub('?').split("\n")
        lines.map { |line| line.split('=', 2).map(&:strip) }
             .select { |pair| pair.size == 2 }.to_h
      end

      def self.spool(value, path, problems)
        return SPOOL if value.nil?
        return value if value.start_with?('/') && !value.include?("\0")

        problems << "spool in #{path} or ENC_SPOOL is #{value.inspect}, not an absolute path; " \
                    "reports are kept in #{SPOOL}: correct it"
        SPOOL
      end

      def self.limit(value, path, problems)
        value ||= MEBIBYTES
        return Integer(value, 10) * MEBIBYTE if LAWFUL_LIMIT.match?(value)

        problems << "spool_limit in #{path} or ENC_SPOOL_LIMIT is #{value.inspect}, not a whole " \
                    "number of MiB like #{MEBIBYTES}, which is taken for it: correct it"
        MEBIBYTES.to_i * MEBIBYTE
      end

      private_class_method :from_file, :pairs, :spool, :limit
    end
  end
end
