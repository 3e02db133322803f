# frozen_string_literal: true

require 'puppet'
require_relative 'lookup/answer'
require_relative 'lookup/cache'
require_relative 'lookup/deadline'
require_relative 'lookup/errors'
require_relative 'lookup/service'
require_relative 'lookup/settings'

module PuppetX
  module Rolecall
    # Who is this node? The right answer, or the last right one within a stated age, or a Failure.
    #
    # The script `enc` is the same in Python, and explains the settings: whoever changes the one
    # changes the other. The same table of misbehaving services is run through both.
    class Lookup
      LAWFUL_NAME = /\A[a-z0-9][a-z0-9._-]{0,254}\z/.freeze
      RULE = "a certname is 1 to 255 of a-z 0-9 . _ -, a letter or digit first, no '..'"
      REFUSALS = {
        404 => 'rolecall does not know it; give it a role: provisioner assign %s ROLE',
        410 => 'it is retired; stop its agent, or see what it was: provisioner show %s',
        422 => 'its role cannot be used; give it one that can: provisioner assign %s ROLE'
      }.freeze
      # The part of the time that is kept for reading the cache after the service was late.
      SPARE = 0.1
      MAX_SPARE = 0.25
      MAX_MESSAGE = 1000
      HOUR = 3600

      # The answer is no, or there is none: one line for people.
      class Failure < StandardError; end

      # ASCII in one line: nothing passes for a line of its own or steers a terminal.
      def self.line(message)
        text = message.to_s.dup.force_encoding(Encoding::UTF_8).scrub('?')[0, MAX_MESSAGE]
        text.gsub(/[^ -~]/) { |c| c.ascii_only? ? '?' : format('\\u%04x', c.ord) }
      end

      def initialize(environment)
        @begun = Deadline.now
        @settings = Settings.read(environment)
        @cache = Cache.new(@settings.cache, @settings.cache_max_age)
      end

      # An Answer, or Failure.
      def classification(node)
        fail_with("nothing was asked; #{RULE}; given: #{node.inspect}") unless lawful?(node)

        verdict = ask(node)
        return taken(node, verdict) if verdict.status == 200

        forget(node) if verdict.status == 410
        todo = format(REFUSALS.fetch(verdict.status), node)
        fail_with("#{node}: #{todo} (#{verdict.status}: #{verdict.text})")
      rescue NoAnswer => e
        from_cache(node, e)
      end

      private

      def lawful?(node)
        LAWFUL_NAME.match?(node.b) && !node.include?('..')
      end

      def ask(node)
        raise NoAnswer, "bad settings: #{@settings.problem}" if @settings.problem

        seconds = @settings.timeout
        Service.ask(node, @settings, @begun + seconds - [seconds * SPARE, MAX_SPARE].min)
      end

      def taken(node, verdict)
        @cache.keep(node, verdict.text)
        verdict.answer
      rescue SystemCallError, IOError, ArgumentError => e
        warn_of("#{node}: this answer could not be cached: #{reason(e)}; check the folder")
        verdict.answer
      end

      def forget(node)
        @cache.forget(node)
      rescue SystemCallError, ArgumentError => e
        warn_of("#{node}: #{@cache.path(node)} could not be deleted (#{reason(e)}); delete it")
      end

      def from_cache(node, problem)
        todo = "check the ENC service and #{@settings.file}"
        answer, age = @cache.recall(node)
        warn_of("#{node}: answered from the cache, #{shown(age)} old; #{todo}; #{problem.message}")
        answer
      rescue NoAnswer, SystemCallError, IOError, ArgumentError => e
        fail_with("#{node}: no answer, nor one in the cache (#{reason(e)}); #{todo}; " \
                  "#{problem.message}")
      end

      def shown(age)
        age > HOUR ? format('%.1f h', age / HOUR) : format('%.0f s', age)
      end

      # C Ruby adds the C function and the path to these messages, JRuby only the path.
      def reason(error)
        error.is_a?(SystemCallError) ? error.class.new.message : error.message
      end

      def warn_of(message)
        Puppet.warning(self.class.line("rolecall: #{message}"))
      end

      def fail_with(message)
        raise Failure, self.class.line("rolecall: #{message}")
      end
    end
  end
end
