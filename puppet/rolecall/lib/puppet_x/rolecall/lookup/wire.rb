# frozen_string_literal: true

require 'io/wait'
require 'socket'
require_relative 'deadline'
require_relative 'errors'
require_relative 'names'
require_relative 'tls'

module PuppetX
  module Rolecall
    class Lookup
      # A connection. Nothing here waits but in `wait`, and there no longer than to a deadline.
      class Wire
        PIECE = 16 * 1024
        WAITS = %i[wait_readable wait_writable].freeze
        # Before a unix socket whose queue is full is tried again.
        PAUSE = 0.01
        # What a full queue is called: JRuby loses the number of the error.
        FULL = [Errno::EAGAIN, Errno::EBADF].freeze

        # To the Url's place; Late, NoAnswer, Errno::..., SocketError or OpenSSL's errors.
        def self.open(url, settings, deadline)
          wire = new(url.path ? dial_path(url.path, deadline) : dial_host(url, deadline))
          wire.secure(url.host, settings, deadline) if url.secure
          opened = wire
        ensure
          wire&.close unless opened
        end

        def self.dial_path(path, deadline)
          connected(:UNIX, Socket.sockaddr_un(path), deadline)
        rescue *FULL
          sleep([PAUSE, Deadline.left(deadline)].min)
          retry
        rescue SocketError
          # All that JRuby says of a path where nobody listens.
          raise NoAnswer, 'nobody listens on this socket'
        end

        # The first address that takes it; each but the last gets an equal part of the time.
        def self.dial_host(url, deadline)
          addresses = Names.addresses(url.host, url.port, deadline)
          share = Deadline.left(deadline) / addresses.size
          *others, last = addresses
          others.each do |address|
            return connected(address.afamily, address.to_sockaddr, Deadline.now + share)
          rescue SystemCallError, Late
            next
          end
          connected(last.afamily, last.to_sockaddr, deadline)
        end

        def self.connected(family, address, deadline)
          socket = Socket.new(family, :STREAM, 0)
          # The second call is told how the first one went.
          until socket.connect_nonblock(address, exception: false) != :wait_writable
            wait(socket, :wait_writable, deadline)
          end
          opened = socket
        ensure
          socket&.close unless opened
        end

        def self.wait(socket, what, deadline)
          left = Deadline.left(deadline)
          ready = what == :wait_readable ? socket.wait_readable(left) : socket.wait_writable(left)
          raise Late unless ready
        end

        private_class_method :dial_path, :dial_host, :connected

        def initialize(socket)
          @socket = socket
          @stream = socket
        end

        # TLS from here on, with that host and nobody else.
        def secure(host, settings, deadline)
          @stream = Tls.stream(@socket, host, settings)
          patiently(deadline) { @stream.connect_nonblock(exception: false) }
          Tls.check(@stream, host)
        end

        # The next bytes, or nil if the other side has closed.
        def read(deadline)
          patiently(deadline) { @stream.read_nonblock(PIECE, exception: false) }
        rescue StandardError => e
          raise if @stream == @socket || !Tls.over?(e)
        end

        def write(data, deadline)
          until data.empty?
            sent = patiently(deadline) { @stream.write_nonblock(data, exception: false) }
            data = data.byteslice(sent..-1)
          end
        end

        # Whether it is open and the other side has said nothing since we last read.
        def quiet?
          @stream.read_nonblock(1, exception: false) == :wait_readable
        rescue StandardError
          false
        end

        # Without TLS's farewell, for which a wire that is stuck would have to wait.
        def close
          @socket.close
        rescue IOError, SystemCallError
          nil
        end

        private

        # No `return` from a block: that is an exception in JRuby, and this is done for each piece.
        def patiently(deadline)
          while WAITS.include?(done = yield)
            self.class.wait(@socket, done, deadline)
          end
          done
        end
      end
    end
  end
end
