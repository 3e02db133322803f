# frozen_string_literal: true

require 'socket'
require_relative 'deadline'

module PuppetX
  module Rolecall
    class Lookup
      # The addresses of host names. The system's look-up knows no time limit and heeds no signal:
      # so it is done in a thread, which is left where it hangs. There is one for each name at
      # most, which all that ask for it wait for.
      module Names
        @lock = Mutex.new
        @threads = {}

        # Addrinfos, at least one; Late or SocketError.
        def self.addresses(host, port, deadline)
          thread = @lock.synchronize { @threads[[host, port]] ||= start(host, port) }
          raise Late unless thread.join(Deadline.left(deadline))

          thread.value
        end

        def self.start(host, port)
          Thread.new do
            Thread.current.report_on_exception = false
            Addrinfo.getaddrinfo(host, port, nil, :STREAM)
          ensure
            @lock.synchronize { @threads.delete([host, port]) }
          end
        end

        private_class_method :start
      end
    end
  end
end
