# frozen_string_literal: true

require 'ipaddr'
require_relative 'errors'

module PuppetX
  module Rolecall
    class Lookup
      # What makes TLS of a connection: who is trusted, and who we are.
      module Tls
        FILES = %i[ca cert key].freeze
        CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/m.freeze
        # Without a passphrase given, OpenSSL would ask for one on the terminal and wait.
        NO_PASSPHRASE = ''
        # PKCS #8 and the older form. Each Ruby words in its own way that it cannot read one, and not
        # one of them says why.
        LOCKED = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/.freeze
        PASSPHRASE = 'the key in %s has a passphrase, which nobody can type here; write one without it ' \
                     '(openssl pkey -in OLD -out NEW, mode 0600) and set `key` to that'

        NAMELESS = 'its certificate has no subject alternative names, so nobody can tell whose it is'

        # It reads others, and then sends no certificate (jruby-openssl 0.14).
        UNABLE = "the key is no RSA key, as Puppet's own are, and JRuby can show no other"

        # An SSLSocket that has yet to connect; NoAnswer if the files are no use.
        def self.stream(socket, host, settings)
          # Most have no need of it.
          require 'openssl'
          stream = OpenSSL::SSL::SSLSocket.new(socket, context(settings))
          # An address is no name that could be asked for.
          stream.hostname = host unless address?(host)
          stream
        end

        # OpenSSL::SSL::SSLError unless the certificate is for that name or address: by its alternative
        # names alone (RFC 9525), which Puppet's CA gives to each certificate. Ruby would take the common name, too.
        def self.check(stream, host)
          names = stream.peer_cert.extensions.any? { |extension| extension.oid == 'subjectAltName' }
          raise OpenSSL::SSL::SSLError, NAMELESS unless names

          stream.post_connection_check(host)
        end

        # Many end a connection without TLS's farewell. That an answer is all there is is told by
        # its length or its JSON.
        def self.over?(error)
          error.is_a?(OpenSSL::SSL::SSLError) && error.message.include?('unexpected eof')
        end

        # Tells one set of files from another, and from itself after a change.
        def self.fingerprint(settings)
          FILES.map do |key|
            path = settings[key]
            state = File.stat(path)
            [path, state.ino, state.size, state.mtime.to_r]
          rescue SystemCallError, ArgumentError
            [path]
          end
        end

        def self.context(settings)
          context = OpenSSL::SSL::SSLContext.new
          context.verify_mode = OpenSSL::SSL::VERIFY_PEER
          context.min_version = OpenSSL::SSL::TLS1_2_VERSION
          context.cert_store = trusted(settings.ca)
          identify(context, settings) unless settings.cert.empty?
          # Where the key is of another certificate, C Ruby says so here; to JRuby the service does.
          context.setup
          context
        rescue StandardError => e # (of JRuby 9.4 some are Java's own)
          files = FILES.map { |key| "#{key} = '#{settings[key]}'" }.join(' ')
          reason = e.is_a?(SystemCallError) ? e.class.new.message : e.message
          raise NoAnswer, "cannot use #{files} as PEM files: #{reason}"
        end

        def self.trusted(file)
          certificates(file).each_with_object(OpenSSL::X509::Store.new) do |certificate, store|
            store.add_cert(certificate)
          end
        end

        def self.identify(context, settings)
          key = private_key(settings.key.empty? ? settings.cert : settings.key)
          own, *others = certificates(settings.cert)
          context.cert = own
          context.key = key
          context.extra_chain_cert = others unless others.empty?
        end

        def self.private_key(file)
          text = File.binread(file)
          raise ArgumentError, format(PASSPHRASE, file) if LOCKED.match?(text)

          key = OpenSSL::PKey.read(text, NO_PASSPHRASE)
          raise ArgumentError, "no private key is in #{file}" unless key.private?
          raise ArgumentError, UNABLE if RUBY_ENGINE == 'jruby' && !key.is_a?(OpenSSL::PKey::RSA)

          key
        end

        # At least one.
        def self.certificates(file)
          found = File.binread(file).scan(CERTIFICATE)
          raise ArgumentError, "no certificate is in #{file}" if found.empty?

          found.map { |text| OpenSSL::X509::Certificate.new(text) }
        end

        def self.address?(host)
          !IPAddr.new(host).nil?
        rescue IPAddr::Error
          false
        end

        private_class_method :context, :trusted, :identify, :private_key, :certificates, :address?
      end
    end
  end
end
