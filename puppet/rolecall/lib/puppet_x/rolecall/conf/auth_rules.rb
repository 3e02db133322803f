# frozen_string_literal: true

require 'hocon'
require 'json'
require_relative 'unfit'

module PuppetX
  module Rolecall
    module Conf
      # The text of auth.conf, with a block of rules of ours or without.
      #
      # A request meets the first rule that matches it, by sort-order and then by name
      # (https://github.com/puppetlabs/trapperkeeper-authorization). Ours come before all others and so
      # hide them: who is let in by those for the same is let in by ours, too.
      class AuthRules
        BEGUN = '# rolecall: begin, kept by Puppet'
        ENDED = '# rolecall: end'
        BLOCK = /^[ \t]*#{Regexp.escape(BEGUN)}$.*?^[ \t]*#{Regexp.escape(ENDED)}$\r?\n/m.freeze
        PLACE = %r{^[ \t]*"?rules"?[ \t]*[:=]?[ \t]*\[[ \t]*(?:(?:#|//).*)?\r?\n}.freeze
        # A site's own have 1 to 399, as the docs advise, and others' modules 200.
        ORDER = 1
        CA = '/puppet-ca/v1'
        CLI = { 'extensions' => { 'pp_cli_auth' => 'true' } }.freeze
        NO_PLACE = "found no line 'rules: [' in authorization to put rules behind: begin its list of rules " \
                   'with such a line, or set rolecall::puppetserver::manage_auth to false and add what ' \
                   'puppet/example/auth-rules.conf has'
        # Path, methods, name, and what is asked there: a site's rule may be for just that. A path matches
        # whatever begins with it: the list comes before the single certificates.
        #
        # A pending request carries the machine's password: by default everybody may read it. To delete a
        # request is to refuse it. To delete a certificate without revoking it is not the provisioner's.
        # Since 8.4 the command `puppetserver ca sign` asks at `sign` and `sign/all`.
        ROUTES = [
          ["#{CA}/certificate_request", %w[get delete], 'pending requests', %w[/name]],
          ["#{CA}/certificate_statuses", %w[get], 'list of certificates', %w[/any]],
          ["#{CA}/certificate_status", %w[get put], 'certificates', %w[/name]],
          ["#{CA}/sign", %w[post], 'sign', ['', '/all']],
          ["#{CA}/clean", %w[put], 'clean', ['']]
        ].freeze
        # Who signs there may sign at the new place, too: it is the same power.
        SIGNED_BEFORE = ["#{CA}/certificate_status/name", 'put'].freeze

        def initialize(text)
          @valid = text.valid_encoding?
          @text = @valid ? text : Ascii.from(text)
        end

        def text
          @valid ? @text : Ascii.back(@text)
        end

        # The block that is there, or nil.
        def current
          @text[BLOCK]
        end

        def without
          @text.sub(BLOCK, '')
        end

        # Of those names, besides whom the site lets in. Raises Unfit.
        def block(names)
          indent = place[/^[ \t]*/] * 2
          lines = ours(names).map { |rule| "#{JSON.generate(rule)}," }
          [BEGUN, *lines, ENDED].map { |line| "#{indent}#{line}\n" }.join
        end

        def put(names)
          found = block(names)
          @text = without.sub(PLACE) { |line| line + found }
          # What looks like the list may be another one.
          raise Unfit, NO_PLACE unless rules(@text).first(ROUTES.size) == ours(names)
        end

        def remove
          @text = without
        end

        private

        def place
          without[PLACE] or raise Unfit, NO_PLACE
        end

        def ours(names)
          ROUTES.each_with_index.map do |(path, methods, name, ends), index|
            asked = ends.map { |ending| path + ending }.product(methods)
            {
              'match-request' => { 'path' => path, 'type' => 'path', 'method' => methods },
              'allow' => allowed(path, asked, names), 'sort-order' => ORDER + index, 'name' => "rolecall #{name}"
            }
          end
        end

        # Whoever may read all pending requests is the hole that is closed here.
        def allowed(path, asked, names)
          own = path.end_with?('request') ? names : [CLI, *names]
          asked += [SIGNED_BEFORE] if path.end_with?('sign')
          (own + others(asked)).uniq
        end

        # Whom the site lets in. What a pattern has captured means nothing in a rule of ours.
        def others(asked)
          met = asked.map { |path, method| sites.find { |rule| meets?(rule, path, method) } }
          met.compact.flat_map { |rule| [rule['allow']].flatten.compact }
             .reject { |entry| entry == '*' || entry.to_s.include?('$') }
        end

        # In the order in which they are tried.
        def sites
          found = rules(without)
          left = found.map { |rule| rule['name'].to_s } & ROUTES.map { |route| "rolecall #{route[2]}" }
          raise Unfit, "it has rules of ours without the lines around them: remove #{left}" if left.any?

          found.sort_by { |rule| [rule['sort-order'].to_i, rule['name'].to_s] }
        end

        def meets?(rule, path, method)
          match = rule.fetch('match-request', {})
          methods = [match['method'] || method].flatten.map(&:downcase)
          methods.include?(method) && match['query-params'].nil? && covers?(match, path)
        end

        def covers?(match, path)
          found = match['path'].to_s
          match['type'] == 'regex' ? Regexp.new(found).match?(path) : path.start_with?(found)
        rescue RegexpError
          false
        end

        # Remembered: some 0.1 s for a file of the packages'.
        def rules(text)
          @rules ||= {}
          @rules[text] ||= parsed(text)
        end

        def parsed(text)
          found = Hocon.parse(text).dig('authorization', 'rules')
          found.is_a?(Array) ? found : []
        rescue Hocon::ConfigError => e
          raise Unfit, "it cannot be read: #{e.message}"
        end
      end
    end
  end
end
