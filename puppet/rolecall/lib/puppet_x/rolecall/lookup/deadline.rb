# frozen_string_literal: true

require_relative 'errors'

module PuppetX
  module Rolecall
    class Lookup
      # Points in time of a clock that nobody sets, in seconds.
      module Deadline
        def self.now
          Process.clock_gettime(Process::CLOCK_MONOTONIC)
        end

        # Seconds, more than none, or Late.
        def self.left(deadline)
          seconds = deadline - now
          raise Late unless seconds.positive?

          seconds
        end
      end
    end
  end
end
