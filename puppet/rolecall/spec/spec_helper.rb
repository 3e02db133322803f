# frozen_string_literal: true

require 'yaml'
require 'rspec-puppet'

MODULES = File.expand_path('../..', __dir__)
# Debian's packages of the modules that ours depends on; elsewhere: MODULEPATH.
OTHERS = ENV.fetch('MODULEPATH', '/usr/share/puppet/modules')

# Facts of each supported system, with the packages of the distribution, of Puppet, or OpenVox.
SYSTEMS = Dir[File.join(__dir__, 'facts', '*.yaml')].sort.to_h do |path|
  [File.basename(path, '.yaml'), YAML.safe_load(File.read(path))]
end
# Those whose Puppet is the distribution's own.
OWN_PACKAGES = SYSTEMS.reject { |_, facts| facts['aio_agent_version'] }.keys

RSpec.configure do |config|
  config.module_path = [MODULES, *OTHERS.split(':')].join(':')
  config.setup_fixtures = false
  # What every site has to say.
  config.hiera_config = File.join(__dir__, 'hiera', 'hiera.yaml')
  config.strict_variables = true
  config.default_facts = SYSTEMS.fetch('debian-12')
  config.fail_if_no_examples = true
end

def debian
  SYSTEMS.fetch('debian-12')
end

def el
  SYSTEMS.fetch('almalinux-9')
end

def each_system(&block)
  SYSTEMS.each { |name, facts| context("on #{name}") { let(:facts) { facts }; instance_exec(name, &block) } }
end

# For each parameter: a value that it does not take ends the compilation with its name.
def refuses(values)
  values.each do |name, value|
    context "with #{value.inspect} as #{name}" do
      let(:params) { (super() rescue {}).merge(name => value) }

      it { is_expected.to compile.and_raise_error(/parameter '#{name}'/) }
    end
  end
end
