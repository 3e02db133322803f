# frozen_string_literal: true

require_relative 'errors'

module PuppetX
  module Rolecall
    class Lookup
      # `media_type` and `body` are bytes. `exact` says that the other side keeps the connection
      # and that nothing came after the body: what comes next is the answer to what is asked next.
      Response = Struct.new(:status, :media_type, :body, :exact)

      # One request and its answer over a wire, which reads and writes until a deadline.
      #
      # HTTP/1.0, because then the service may not cut its answer into chunks.
      module Http
        # A service that sends for ever is stopped by these; our answers are a few kilobytes.
        MAX_HEAD = 64 * 1024
        MAX_BODY = 4 * 1024 * 1024
        END_OF_HEAD = "\r\n\r\n".b.freeze
        STATUS_LINE = %r{\AHTTP/1\.[^\r] (\d+)(?: |\z)}n.freeze
        UNSTATED = 'it does not say how long its answer is'
        SPACE = " \t\n\v\f\r"
        TRIMMED = /\A[#{SPACE}]*(.*?)[#{SPACE}]*\z/mn.freeze

        # A Response; NoAnswer, or what the wire raises.
        def self.get(wire, target, host, deadline)
          wire.write("GET #{target} HTTP/1.0\r\nHost: #{host}\r\nConnection: keep-alive\r\n\r\n",
                     deadline)
          head, body = read_head(wire, deadline)
          status, fields = parse(head)
          length = length(fields)
          raise NoAnswer, 'it did not say how long its answer is' if status == 200 && !length

          read_body(wire, body, length, deadline)
          exact = !length.nil? && body.bytesize == length && kept?(fields)
          Response.new(status, media_type(fields), length ? body.byteslice(0, length) : body, exact)
        end

        # The header, and what came of the body with it.
        def self.read_head(wire, deadline)
          data = String.new(encoding: Encoding::BINARY)
          until (finish = data.index(END_OF_HEAD))
            piece = wire.read(deadline)
            data << piece if piece
            raise NoAnswer, 'no whole HTTP header came' if !piece || data.bytesize > MAX_HEAD
          end
          [data[0, finish], data[finish + END_OF_HEAD.bytesize..-1]]
        end

        # [status, {name in lower case => value}]
        def self.parse(head)
          first, *lines = head.split("\r\n", -1)
          status = STATUS_LINE.match(first.to_s) || raise(NoAnswer, 'it does not speak HTTP')
          fields = lines.each_with_object({}) do |line, found|
            name, _, value = line.partition(':')
            # Joined as HTTP has it, so that two lengths are no number, even if they agree.
            found[name.downcase] = [found[name.downcase], TRIMMED.match(value)[1]].compact.join(',')
          end
          [status[1].to_i, fields]
        end

        # Of the body, or nil where none is stated.
        def self.length(fields)
          stated = fields['content-length']
          if fields.key?('transfer-encoding') || !(stated.nil? || /\A\d+\z/n.match?(stated))
            raise NoAnswer, UNSTATED
          end
          raise NoAnswer, 'its answer is too long' if stated && stated.to_i > MAX_BODY

          stated&.to_i
        end

        # All of the stated length, or everything until the other side closes.
        def self.read_body(wire, body, length, deadline)
          while length.nil? || body.bytesize < length
            piece = wire.read(deadline)
            body << piece if piece
            raise NoAnswer, 'its answer is too long' if body.bytesize > MAX_BODY
            return if piece.nil? && length.nil?
            raise NoAnswer, 'its answer was cut short' unless piece
          end
        end

        def self.kept?(fields)
          words = fields.fetch('connection', '').downcase.split(/[ \t]*,[ \t]*/n)
          words.include?('keep-alive') && !words.include?('close')
        end

        def self.media_type(fields)
          TRIMMED.match(fields.fetch('content-type', '').partition(';').first)[1].downcase
        end

        private_class_method :read_head, :parse, :length, :read_body, :kept?, :media_type
      end
    end
  end
end
