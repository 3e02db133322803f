# frozen_string_literal: true

# Compiles catalogues with Puppet's own compiler, all in one process, for tests/real/compiling.py.
# JSON on stdin: `modules` (a folder), `manifest` (a file), `nodes` (certnames), `terminus` ("exec",
# "rolecall", or null for none), `enc` (a command for external_nodes), `folder` (to work in), `strict`
# (whether a variable that nobody set is an error). JSON on stdout: for each node `classes` and
# `resources`, or `error`.

require 'json'
require 'puppet'
require 'puppet/node'

request = JSON.parse($stdin.read)
folder = request['folder']
Puppet.initialize_settings(['--confdir', "#{folder}/conf", '--vardir', "#{folder}/var"])
Puppet::Util::Log.level = :crit
Puppet[:external_nodes] = request['enc']
# Both, or Puppet 8 has its own mind.
Puppet[:strict_variables] = request['strict']
Puppet[:strict] = request['strict'] ? :error : :warning
Puppet[:node_terminus] = request['terminus'] if request['terminus']

def node_of(name, environment, enc)
  facts = Puppet::Node::Facts.new(name, {})
  return Puppet::Node.new(name, environment: environment, facts: facts) unless enc

  found = Puppet::Node.indirection.find(name, environment: environment, facts: facts)
  raise 'the ENC does not know it' if found.nil?

  found
end

def told(resource)
  [resource.ref, resource.to_hash.map { |name, value| [name.to_s, value.inspect] }.sort]
end

def shown(catalogue, name)
  own = [name, 'default', 'settings', 'main']
  kept = catalogue.resources.reject { |one| own.include?(one.title.to_s.downcase) }
  { 'classes' => catalogue.classes.uniq.sort - own, 'resources' => kept.map { |one| told(one) }.sort }
end

environment = Puppet::Node::Environment.create(:production, [request['modules']], request['manifest'])
static = Puppet::Environments::Static.new(environment)
answer = {}
Puppet.override({ environments: static, current_environment: environment }, 'the driver') do
  request['nodes'].each do |name|
    node = node_of(name, environment, request['terminus'])
    # As the catalogue's terminus does for the certificate of who asks.
    node.trusted_data = Puppet::Context::TrustedInformation.new('remote', name, {}).to_h
    answer[name] = shown(Puppet::Parser::Compiler.compile(node), name)
  rescue StandardError => e
    answer[name] = { 'error' => e.message }
  end
end
puts JSON.generate(answer)
