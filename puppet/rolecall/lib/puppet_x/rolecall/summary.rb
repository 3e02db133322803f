# frozen_string_literal: true

require 'json'

module PuppetX
  module Rolecall
    # What rolecall keeps of a report: one line of JSON, with every key always there. Texts that
    # the report does not tell are empty, its seconds null, its counts 0.
    #
    # What comes in was written by an agent: any value may be of any type and length.
    module Summary
      # It is no report that rolecall could use; the message says why.
      class NotAReport < StandardError; end

      VERSION = 1
      MAX_LINE = 4096
      MAX_CERTNAME = 255
      # As enc/domain/certname.py has it: a clipped name would be another node's.
      CERTNAME = /\A(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,254}\z/.freeze
      STATUSES = %w[changed unchanged failed].freeze
      BAD_LEVELS = %w[err alert emerg crit].freeze
      COUNTS = %w[total changed failed failed_to_restart out_of_sync skipped restarted
                  corrective_change].freeze
      # What exceeds these is no count of resources, no seconds of a run.
      MAX_COUNT = 1_000_000_000
      MAX_SECONDS = 1e9
      MAX_ERRORS = 5
      MAX_ERROR = 300
      # Each as long as any real one, and so short that, with each character written as six
      # (\u0000), the line is short enough without the errors.
      NAMES = %w[environment configuration_version transaction_uuid puppet_version].freeze
      MAX_NAME = 255
      MAX_NAME_IF_ALL_ARE_LONG = 64
      WIDEST_CHARACTER = 4

      # A String in UTF-8 that ends with its only newline and has at most MAX_LINE bytes.
      def self.line(report)
        summary = of(report)
        text = encode(summary)
        text = encode(summary) while text.bytesize > MAX_LINE && summary['errors'].pop
        return text if text.bytesize <= MAX_LINE

        shorter = NAMES.map { |key| [key, text(summary[key], MAX_NAME_IF_ALL_ARE_LONG)] }
        encode(summary.merge(shorter.to_h))
      end

      def self.of(report)
        {
          'version' => VERSION, 'certname' => certname(report), 'time' => time(report),
          'status' => status(report),
          # What does not say that it was a real run, of a catalogue that is not from the cache,
          # is none.
          'noop' => report.noop != false, 'noop_pending' => told?(report.noop_pending),
          'cached' => report.cached_catalog_status.to_s != 'not_used'
        }.merge(names(report)).merge(
          'seconds' => seconds(report), 'resources' => resources(report), 'errors' => errors(report)
        )
      end

      # At most `limit` characters of whatever it is, valid UTF-8; what is cut off ends with "...".
      def self.text(value, limit)
        whole = value.to_s
        # Cut before it is searched for what is invalid: it may be megabytes.
        bytes = whole.byteslice(0, (limit + 1) * WIDEST_CHARACTER)
        start = bytes.dup.force_encoding(Encoding::UTF_8).scrub('?')
        start.length > limit ? "#{start[0, limit - 3]}..." : start
      end

      # JSON leaves these as they are; terminals obey some, and some readers see the end of a line.
      def self.encode(summary)
        "#{JSON.generate(summary)}\n".gsub(/[\u007f-\u009f\u2028\u2029]/) do |character|
          format('\\u%04x', character.ord)
        end
      end

      def self.certname(report)
        return report.host if report.host.is_a?(String) && CERTNAME.match?(report.host)

        raise NotAReport, 'its host is not a certname'
      end

      def self.time(report)
        raise NotAReport, 'its time is no time' unless report.time.is_a?(Time)

        report.time.getutc.strftime('%Y-%m-%dT%H:%M:%S.%LZ')
      end

      def self.status(report)
        return report.status if STATUSES.include?(report.status)

        raise NotAReport, "its status is not one of #{STATUSES.join(', ')}"
      end

      def self.told?(value)
        value ? true : false
      end

      def self.names(report)
        NAMES.map { |key| [key, text(report.public_send(key), MAX_NAME)] }.to_h
      end

      def self.seconds(report)
        values = metric(report, 'time')
        %w[total config_retrieval].map { |key| [key, lawful_seconds(values[key])] }.to_h
      end

      def self.resources(report)
        values = metric(report, 'resources')
        COUNTS.map { |key| [key, lawful_count(values[key])] }.to_h
      end

      def self.lawful_seconds(value)
        value.to_f.round(3) if value.is_a?(Numeric) && value >= 0 && value < MAX_SECONDS
      end

      def self.lawful_count(value)
        value.is_a?(Numeric) && value >= 0 && value <= MAX_COUNT ? value.to_i : 0
      end

      # name => value. Metric#values sorts by label, and fails where an agent left that out.
      def self.metric(report, name)
        metric = (report.metrics || {})[name]
        rows = metric ? metric.to_data_hash['values'] : []
        Array(rows).select { |row| row.is_a?(Array) }.map { |row| [row[0].to_s, row[2]] }.to_h
      end

      # The first different ones: Facter alone may say the same twenty times, before what matters.
      def self.errors(report)
        found = []
        Array(report.logs).each do |log|
          break if found.size == MAX_ERRORS

          found |= [error(log)] if BAD_LEVELS.include?(log.level.to_s)
        end
        found
      end

      # As the agent prints it: who says so, unless it is Puppet itself.
      def self.error(log)
        source = log.source.to_s
        message = text(log.message, MAX_ERROR)
        return message if source.empty? || source == 'Puppet'

        text("#{text(source, MAX_ERROR / 2)}: #{message}", MAX_ERROR)
      end

      private_class_method :of, :encode, :certname, :time, :status, :told?, :names, :seconds,
                           :resources, :lawful_seconds, :lawful_count, :metric, :errors, :error
    end
  end
end
