# frozen_string_literal: true

require 'json'
require 'puppet'
require_relative 'errors'

module PuppetX
  module Rolecall
    class Lookup
      # What Puppet is told about a node: classes (a Hash or an Array, never empty), parameters
      # (a Hash or nil) and environment (a String or nil).
      Answer = Struct.new(:classes, :parameters, :environment)

      # What the service says for certain: 200 with the answer and its text, or 404, 410 or 422
      # with the reason as text.
      Verdict = Struct.new(:status, :text, :answer)

      # What may be believed. Pure: responses in, verdicts or NoAnswer out.
      class Answer
        # How the type of a problem of rolecall's own begins.
        OURS = 'urn:rolecall:problem:'
        PROBLEM = 'application/problem+json'
        REFUSED = [404, 410, 422].freeze
        SILENT = 'it does not say why'
        # Below `classes:` these would begin a comment or an empty collection: an empty catalogue.
        NO_CLASS = [nil, '#', '{', '[', '~'].freeze
        # The space: what is below is indented.
        BEGUN = "---\nclasses:\n "

        def self.judge(node, response)
          status = response.status
          return Verdict.new(status, response.body, parse(node, response.body)) if status == 200

          unless response.media_type == PROBLEM
            raise NoAnswer, "it answered #{status} as #{response.media_type.inspect}"
          end
          # Where no length was stated, that it is all there is told by its being JSON.
          kind, detail = problem(response.body)
          refuse(status, kind, detail)
          Verdict.new(status, detail)
        end

        def self.refuse(status, kind, detail)
          raise NoAnswer, "it answered #{status}: #{detail}" unless REFUSED.include?(status)
          return if kind.start_with?(OURS)

          raise NoAnswer, "it answered #{status}, which is not rolecall's word on a node " \
                          "(is url right?): #{detail}"
        end

        # [type, what it says to people] of a problem document (RFC 9457); no type if it is none.
        def self.problem(body)
          found = JSON.parse(body.dup.force_encoding(Encoding::UTF_8))
          return ['', SILENT] unless found.is_a?(Hash)

          [found['type'].is_a?(String) ? found['type'] : '',
           found['detail'] || found['title'] || SILENT]
        rescue JSON::JSONError, EncodingError, ArgumentError
          ['', SILENT]
        end

        # The Answer in a text of bytes, or NoAnswer unless that is one about this very node, from
        # its start to its end.
        def self.parse(node, bytes)
          text = bytes.dup.force_encoding(Encoding::UTF_8)
          raise NoAnswer, 'it is not a whole answer for this node' unless whole?(node, text)

          found = Puppet::Util::Yaml.safe_load(text, [Symbol])
          of(found) || raise(NoAnswer, 'it is no classification')
        rescue Puppet::Util::Yaml::YamlLoadError => e
          raise NoAnswer, "it is not YAML: #{e.message}"
        end

        def self.whole?(node, text)
          return false if !text.valid_encoding? || text.include?("\0")
          return false unless text.start_with?(BEGUN) && text.chomp("\n").end_with?("\n# end #{node}")

          !NO_CLASS.include?(first_class(text))
        end

        # The first character of the first line below `classes:`, or nil.
        def self.first_class(text)
          start = BEGUN.size
          text[start...text.index("\n", start)][/[^[:space:]]/]
        end

        def self.of(found)
          return unless found.is_a?(Hash)

          classes, parameters, environment = found.values_at(*%w[classes parameters environment])
          return unless [Hash, Array].include?(classes.class) && !classes.empty?
          return unless [Hash, NilClass].include?(parameters.class)

          new(classes, parameters, environment) if [String, NilClass].include?(environment.class)
        end

        private_class_method :refuse, :problem, :whole?, :first_class, :of
      end
    end
  end
end
