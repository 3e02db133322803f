# frozen_string_literal: true

require_relative 'deadline'

module PuppetX
  module Rolecall
    class Lookup
      # Connections that wait for the next look-up. Each is in here or in one thread's hands.
      class Pool
        # For each key: more look-ups at once open connections that do not stay.
        MAX_IDLE = 8
        # Shorter than the service's own patience (keepalive in enc/gunicorn_conf.py): a connection
        # that the other side is about to close costs a second try.
        IDLE_SECONDS = 10

        Idle = Struct.new(:key, :wire, :since)

        def initialize
          @lock = Mutex.new
          @idle = []
          @process = Process.pid
        end

        # A connection that is open and silent, or nil. The one used last: the others grow old.
        def take(key)
          loop do
            wire = @lock.synchronize { pick(key) }
            return wire if wire.nil? || wire.quiet?

            wire.close
          end
        end

        def give(key, wire)
          @lock.synchronize do
            tidy
            @idle << Idle.new(key, wire, Deadline.now)
            of_key = @idle.select { |idle| idle.key == key }
            close(of_key.first) if of_key.size > MAX_IDLE
          end
        end

        private

        def pick(key)
          tidy
          found = @idle.rindex { |idle| idle.key == key }
          @idle.delete_at(found).wire if found
        end

        def tidy
          # After a fork they are the parent's.
          @idle.clear unless @process == Process.pid
          @process = Process.pid
          since = Deadline.now - IDLE_SECONDS
          @idle.select { |idle| idle.since < since }.each { |idle| close(idle) }
        end

        def close(idle)
          @idle.delete(idle)
          idle.wire.close
        end
      end
    end
  end
end
