# frozen_string_literal: true

require_relative 'answer'
require_relative 'deadline'
require_relative 'errors'
require_relative 'http'
require_relative 'pool'
require_relative 'tls'
require_relative 'url'
require_relative 'wire'

module PuppetX
  module Rolecall
    class Lookup
      # Asks the services that are set, over a connection from earlier where one is left.
      module Service
        @pool = Pool.new

        # The Verdict of the first URL that gives a definite answer, else NoAnswer.
        #
        # Each URL gets the remaining time divided by the URLs that are left.
        def self.ask(node, settings, deadline)
          urls = settings.url.split
          problems = []
          until urls.empty?
            verdict = attempt(node, urls, settings, deadline, problems)
            return verdict if verdict
          end
          raise NoAnswer, problems.empty? ? 'url is empty' : problems.join('; ')
        end

        # Takes the first URL away.
        def self.attempt(node, urls, settings, deadline, problems)
          now = Deadline.now
          share = (deadline - now) / urls.size
          fetch(node, url = urls.shift, settings, now + share)
        rescue StandardError => e # (whatever it is, there is no answer)
          problems << "#{Url.shown(url)}: #{e.message}"
          nil
        end

        # A connection from earlier is believed when it brings a whole answer, which names the node.
        # Whatever else it brings or does may be due to what happened on it before, and a refusal
        # may be of another node: so that is asked again, which a GET may be, over a new one.
        def self.fetch(node, text, settings, deadline)
          url = Url.parse(text)
          key = [text, url.secure ? Tls.fingerprint(settings) : nil]
          verdict = again(node, url, key, deadline)
          return verdict if verdict

          exchange(node, url, key, Wire.open(url, settings, deadline), deadline)
        end

        # The Verdict if it is a whole answer, else nil; Late.
        def self.again(node, url, key, deadline)
          wire = @pool.take(key)
          verdict = exchange(node, url, key, wire, deadline) if wire
          verdict if verdict&.status == 200
        rescue Late
          raise
        rescue StandardError
          nil
        end

        # Only a connection whose answer was whole and good is kept.
        def self.exchange(node, url, key, wire, deadline)
          response = Http.get(wire, "#{url.prefix}/v1/enc/#{node}", url.authority, deadline)
          verdict = Answer.judge(node, response)
          keep = verdict.status == 200 && response.exact
          verdict
        ensure
          keep ? @pool.give(key, wire) : wire.close
        end

        private_class_method :attempt, :fetch, :again, :exchange
      end
    end
  end
end
