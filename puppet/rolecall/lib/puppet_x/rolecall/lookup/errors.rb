# frozen_string_literal: true

module PuppetX
  module Rolecall
    class Lookup
      # Nothing came back that may be believed; the text says what happened instead.
      class NoAnswer < StandardError; end

      # It may yet come, but nobody waits for it.
      class Late < NoAnswer
        def initialize(message = 'no answer in time')
          super
        end
      end
    end
  end
end
