# frozen_string_literal: true

require_relative '../settings'

module PuppetX
  module Rolecall
    class Lookup
      # What the script `enc` knows of enc.conf and of the environment, which wins.
      #
      # `file` is the file's name for people; `problem` is the first thing wrong with the settings,
      # or nil. With a problem nobody is asked, but a cache that is named is used.
      Settings = Struct.new(:file, :problem, :url, :cert, :key, :ca, :timeout, :cache,
                            :cache_max_age)

      class Settings
        DEFAULTS = {
          'url' => 'unix:/run/rolecall/enc.sock', 'cert' => '', 'key' => '', 'ca' => '',
          'timeout' => '5', 'cache' => '', 'cache_max_age' => '24h',
          'spool' => '/var/lib/rolecall/spool', 'spool_limit' => '64'
        }.freeze
        OURS = %w[url cert key ca timeout cache cache_max_age].freeze
        VARIABLES = OURS.map { |key| [key, "ENC_#{key.upcase}".freeze] }.to_h.freeze
        UNITS = { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86_400 }.freeze
        MAX_SECONDS = 10 * 365 * 86_400
        LAWFUL_TIME = /\A\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\z/i.freeze
        LAWFUL_AGE = /\A\d+[smhd]\z/.freeze
        # What may be shown of a line that is not understood: the file may turn out to be
        # somebody's private key.
        WORD = /\A[a-z_]{1,19}\z/i.freeze

        # Read for each look-up: it is a page long, and whatever kept it would have to know when it
        # is out of date.
        def self.read(environment)
          path = environment.fetch('ENC_CONF', Rolecall::Settings::FILE)
          values = DEFAULTS.dup
          problem = from_file(values, path)
          VARIABLES.each { |key, name| values[key] = environment.fetch(name, values[key]) }
          timeout = duration(time(values['timeout']))
          age = duration(age(values['cache_max_age']))
          problem = senseless('timeout', values, path) if timeout.zero?
          problem = senseless('cache_max_age', values, path) if age.zero?
          new(path.empty? ? 'the ENC_ variables' : path, problem, *values.values_at(*OURS[0, 4]),
              timeout, values['cache'], age)
        end

        # What is wrong with the file, or nil; that there is none is not wrong.
        def self.from_file(values, path)
          return if path.empty?
          # Whoever opens a pipe for reading waits until somebody writes.
          return "#{path} is not a file" unless File.stat(path).file?

          lines = File.binread(path).split("\n", -1)
          problems = lines.each_with_index.map { |line, i| take(values, line, path, i + 1) }
          problems.compact.first
        rescue Errno::ENOENT
          nil
        rescue SystemCallError, IOError, ArgumentError => e
          "#{path.inspect}: #{e.class.new.message}"
        end

        # Bytes until then: a path in it may be no UTF-8.
        def self.take(values, line, path, number)
          key, equals, value = line.partition('=').map(&:strip)
          if !equals.empty? && DEFAULTS.key?(key)
            values[key] = value.force_encoding(Encoding::UTF_8)
            nil
          elsif !line.strip.empty? && !key.start_with?('#')
            word = WORD.match?(key) ? key : 'this line'
            "#{path} line #{number}: #{word} is not among #{DEFAULTS.keys.join(' = , ')} ="
          end
        end

        def self.senseless(key, values, path)
          "#{key} in #{path} or ENC_#{key.upcase} is #{values[key].inspect}, " \
            "not like #{DEFAULTS[key]}"
        end

        # 0 for what makes no sense.
        def self.duration(seconds)
          seconds.positive? && seconds < MAX_SECONDS ? seconds : 0
        end

        def self.time(text)
          LAWFUL_TIME.match?(text.b.strip) ? text.to_f : 0
        end

        def self.age(text)
          LAWFUL_AGE.match?(text.b) ? text.to_i * UNITS.fetch(text[-1]) : 0
        end

        private_class_method :from_file, :take, :senseless, :duration, :time, :age
      end
    end
  end
end
