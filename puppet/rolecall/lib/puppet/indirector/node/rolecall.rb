# frozen_string_literal: true

require 'puppet/node'
require 'puppet/indirector/code'
require_relative '../../../puppet_x/rolecall/lookup'

# A direct subclass of Puppet::Indirector::Terminus would be taken for an abstract type.
class Puppet::Node::Rolecall < Puppet::Indirector::Code
  desc <<-DESC
    Ask rolecall who a node is, as the script `enc` does, but in this process and over a
    connection that is kept open. Settings, answers, safety and cache are the script's; it
    explains them.

    Never an empty answer: what is not known for certain, and not in the cache, is an error, and
    the agent keeps the catalogue that it has.
  DESC

  # Puppet::Error if rolecall says no, or says nothing that may be believed and the cache is no use.
  def find(request)
    facts = request.options[:facts]
    answer = PuppetX::Rolecall::Lookup.new(ENV).classification(request.key)
    node = Puppet::Node.new(request.key)
    node.classes = answer.classes
    node.parameters = answer.parameters if answer.parameters
    # Without either Puppet takes its own default for the agent's choice.
    node.environment = answer.environment || request.environment
    node.fact_merge(facts.is_a?(Puppet::Node::Facts) ? facts : nil)
    node
  rescue PuppetX::Rolecall::Lookup::Failure => e
    raise Puppet::Error, e.message, e.backtrace
  end
end
