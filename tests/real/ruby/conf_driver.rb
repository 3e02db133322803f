# frozen_string_literal: true

# Applies resources as `puppet apply` does, in one process, for tests/real/confdriver.py: one JSON object
# a line comes in, one goes out.
#
#   resources   of each: type, title, parameters
#   noop        whether nothing is to be changed
#
# What goes out: `changed` and `failed` (titles), `logs` ("notice: message", without backtraces).

require 'json'
require 'puppet'

# A path as RUBYLIB has it: Puppet finds the types of all modules there.
folder, modules = ARGV
LOGS = [] # rubocop:disable Style/MutableConstant

Puppet::Util::Log.newdesttype(:driver) do
  def handle(log)
    LOGS << "#{log.level}: #{log.message.lines.first.chomp}"
  end
end

def catalog(resources, noop)
  made = resources.map do |type, title, parameters|
    Puppet::Type.type(type.to_sym).new(parameters.transform_keys(&:to_sym).merge(title: title, noop: noop))
  end
  Puppet::Resource::Catalog.new('driver', Puppet.lookup(:current_environment)).tap do |catalog|
    catalog.add_resource(*made)
    catalog.finalize
  end
end

def titles(transaction)
  transaction.report.resource_statuses.values.select { |status| yield status }.map(&:title)
end

def answer(request)
  LOGS.clear
  transaction = catalog(request['resources'], request['noop']).apply
  {
    'changed' => titles(transaction, &:changed), 'failed' => titles(transaction, &:failed), 'logs' => LOGS.uniq
  }
rescue Puppet::Error => e
  { 'changed' => [], 'failed' => request['resources'].map { |each| each[1] }, 'logs' => ["err: #{e.message}"] }
end

folders = %w[confdir codedir vardir ssldir rundir logdir publicdir]
Puppet.initialize_settings(folders.flat_map { |name| ["--#{name}", folder] })
environment = Puppet::Node::Environment.create(:production, modules.split(':'))
Puppet.push_context(
  current_environment: environment, environments: Puppet::Environments::Static.new(environment),
  loaders: Puppet::Pops::Loaders.new(environment)
)
Puppet::Util::Log.newdestination(:driver)
Puppet::Util::Log.level = :notice

$stdout.sync = true
$stdout.puts JSON.generate('puppet' => Puppet.version)
$stdin.each_line { |line| $stdout.puts JSON.generate(answer(JSON.parse(line))) }
