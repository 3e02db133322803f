# frozen_string_literal: true

# Asks Puppet's terminus `rolecall` who a node is, as a puppetserver does, for
# tests/real/terminusdriver.py: one JSON object a line comes in, one goes out.
#
#   nodes     certnames, one look-up each
#   env       variables for the terminus
#   threads   how many look up at once
#   facts     values of facts
#   asked     the environment that the agent asks for
#   pause     seconds between two look-ups of a thread
#
# What goes out: `found`, for each look-up in its order either `classes`, `parameters` and
# `environment`, or `raised`; and with it `logs` ("warning: ...", of warnings and worse) and `ms`.
# `threads` is how many there are now.

require 'json'
require 'puppet'
require 'puppet/node'
require 'puppet/node/facts'

LOUD = %i[warning err alert emerg crit].freeze
ENVIRONMENTS = %i[production testing].map { |name| Puppet::Node::Environment.create(name, []) }
STATIC = Puppet::Environments::Static.new(*ENVIRONMENTS)

# Whoever logs does it in its own thread, at once.
Puppet::Util::Log.newdesttype(:driver) do
  def handle(log)
    logs = Thread.current.thread_variable_get(:logs)
    logs << "#{log.level}: #{log.message}" if logs && LOUD.include?(log.level)
  end
end

def shown(node)
  { 'name' => node.name, 'classes' => node.classes, 'parameters' => node.parameters,
    'environment' => node.environment.name.to_s }
end

def found(name, request)
  facts = Puppet::Node::Facts.new(name, request['facts'])
  asked = STATIC.get(request['asked'])
  node = Puppet::Node.indirection.find(name, environment: asked, facts: facts)
  node.nil? ? { 'raised' => 'nil' } : shown(node)
rescue StandardError => e
  { 'raised' => "#{e.class}: #{e.message}" }
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def look_up(name, request)
  Thread.current.thread_variable_set(:logs, logs = [])
  # Each thread has its own.
  Puppet::Node.indirection.terminus_class = :rolecall
  begun = now
  answer = Puppet.override({ environments: STATIC }, 'the driver') { found(name, request) }
  answer.merge('ms' => (now - begun) * 1000, 'logs' => logs)
end

def look_all_up(request)
  results = Array.new(request['nodes'].size)
  waiting = Queue.new
  request['nodes'].each_with_index { |name, index| waiting << [name, index] }
  request['threads'].times { waiting << nil }
  threads = Array.new(request['threads']) do
    Thread.new do
      while (name, index = waiting.pop)
        results[index] = look_up(name, request)
        sleep(request['pause'])
      end
    end
  end
  threads.each(&:join)
  results
end

def answer(request)
  ENV.update(request['env'])
  found = look_all_up(request)
  { 'found' => found, 'threads' => Thread.list.size }
ensure
  request['env'].each_key { |name| ENV.delete(name) }
end

folder = ARGV.fetch(0)
folders = %w[confdir codedir vardir ssldir rundir logdir publicdir]
Puppet.initialize_settings(folders.flat_map { |name| ["--#{name}", folder] })
Puppet::Node.indirection.terminus_class = :rolecall
# Puppet loads what these need when they are first asked for, which threads cannot do at once.
Puppet::Node.indirection.terminus
Puppet::Util::Log.newdestination(:driver)
Puppet::Util::Log.level = :warning

$stdout.sync = true
$stdout.puts JSON.generate('ruby' => RUBY_ENGINE, 'puppet' => Puppet.version)
$stdin.each_line { |line| $stdout.puts JSON.generate(answer(JSON.parse(line))) }
