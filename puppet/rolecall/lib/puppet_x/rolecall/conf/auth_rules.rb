# frozen_string_literal: true

require 'hocon'
require 'json'

module PuppetX
  module Rolecall
    module Conf
      # The text of auth.conf, with a block of rules of ours or without.
      #
      # A request meets the first rule that matches it, by sort-order and then by name
      # (https://github.com/puppetlabs/trapperkeeper-authorization). Ours come before the packages' own,
      # which have 500, and so hide them: who is let in by those for the same is let in by ours, too.
      class AuthRules
        BEGUN = '# rolecall: begin, kept by Puppet'
        ENDED = '# rolecall: end'
        BLOCK = /^[ \t]*#{Regexp.escape(BEGUN)}$.*?^[ \t]*#{Regexp.escape(ENDED)}$\r?\n/m.freeze
        PLACE = /^[ \t]*rules[ \t]*[:=]?[ \t]*\[[ \t]*\r?\n/.freeze
        ORDER = 400
        CA = '/puppet-ca/v1'
        CLI = { 'extensions' => { 'pp_cli_auth' => 'true' } }.freeze
        # A pending request carries the machine's password: by default everybody may read it. To delete a
        # request is to refuse it. To delete a certificate without revoking it is not the provisioner's.
        ROUTES = [
          ["#{CA}/certificate_request", %w[get delete], 'pending requests'],
          ["#{CA}/certificate_status", %w[get put], 'certificates'],
          ["#{CA}/certificate_statuses", %w[get], 'list of certificates'],
          ["#{CA}/clean", %w[put], 'clean']
        ].freeze

        # No place for them was found.
        class NoPlace < StandardError; end

        attr_reader :text

        def initialize(text)
          @text = text
        end

        # The block that is there, or nil.
        def current
          @text[BLOCK]
        end

        def without
          @text.sub(BLOCK, '')
        end

        # Of those names, besides whom the site lets in. Raises NoPlace.
        def block(names)
          indent = place[/^[ \t]*/] * 2
          rules = ROUTES.map { |path, methods, name| "#{JSON.generate(rule(path, methods, name, names))}," }
          [BEGUN, *rules, ENDED].map { |line| "#{indent}#{line}\n" }.join
        end

        def put(names)
          found = block(names)
          @text = without.sub(PLACE) { |line| line + found }
          Hocon.parse(@text)
        end

        def remove
          @text = without
        end

        private

        def place
          without[PLACE] or raise NoPlace
        end

        def rule(path, methods, name, names)
          {
            'match-request' => { 'path' => path, 'type' => 'path', 'method' => methods },
            'allow' => allowed(path, methods, names), 'sort-order' => ORDER, 'name' => "rolecall #{name}"
          }
        end

        # Whoever may read all pending requests is the hole that is closed here.
        def allowed(path, methods, names)
          own = path.end_with?('request') ? names : [CLI, *names]
          (own + others(path, methods)).uniq
        end

        def others(path, methods)
          rules = Hocon.parse(without).fetch('authorization', {}).fetch('rules', [])
          hidden = rules.select { |rule| hides?(rule, path, methods) }
          hidden.flat_map { |rule| entries(rule['allow']) }.reject { |entry| entry == '*' }
        end

        # A rule of the same path, as far as a pattern tells, and of one of the methods.
        def hides?(rule, path, methods)
          match = rule.fetch('match-request', {})
          bare = match['path'].to_s.delete('^$').chomp('?').chomp('/')
          of = [match['method'] || methods].flatten.map(&:downcase)
          bare == path && (of & methods).any? && rule.fetch('sort-order', 0) >= ORDER
        end

        def entries(allow)
          allow.is_a?(Array) ? allow : [allow].compact
        end
      end
    end
  end
end
