# frozen_string_literal: true

require_relative 'errors'

module PuppetX
  module Rolecall
    class Lookup
      # Where a service is. `path` is a unix socket's; otherwise there is a host and a port.
      # `authority` is HTTP's name of the host, `prefix` precedes the path that is asked for.
      Url = Struct.new(:secure, :path, :host, :port, :authority, :prefix)

      class Url
        FORM = 'url is not unix:/PATH, http://HOST[:PORT] or https://HOST[:PORT]'
        PORTS = { 'http' => '80', 'https' => '443' }.freeze

        # NoAnswer if it is none.
        def self.parse(text)
          scheme, _, rest = text.partition(':')
          return new(false, rest, nil, nil, 'localhost', '') if scheme == 'unix' && !rest.empty?

          authority, _, prefix = rest.sub(%r{\A//}, '').partition('/')
          host, port = split(authority, PORTS[scheme])
          raise NoAnswer, FORM unless lawful?(text, scheme, rest, host)

          new(scheme == 'https', nil, host, port, authority, "/#{prefix}".sub(%r{/+\z}, ''))
        end

        # Host and port of host, host:port, [ipv6] or [ipv6]:port.
        def self.split(authority, default_port)
          host, colon, port = authority.rpartition(':')
          host, port = authority, default_port if colon.empty? || port.end_with?(']')
          [host.gsub(/\A[\[\]]+|[\[\]]+\z/, ''), port]
        end

        def self.lawful?(text, scheme, rest, host)
          PORTS.key?(scheme) && rest.start_with?('//') && !host.empty? && host.ascii_only? &&
            !text.include?('@')
        end

        # For people: without a password that somebody may have put there.
        def self.shown(text)
          text.rpartition('@').last
        end

        private_class_method :split, :lawful?
      end
    end
  end
end
