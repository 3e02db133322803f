# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::redis' do
  each_system do |name|
    if name.start_with?('ubuntu-22')
      it 'says that the Redis of this system is too old, and what to do' do
        is_expected.to compile.and_raise_error(/Redis 6\.2 or later is needed.*Ubuntu 22\.04 has 6\.0.*rolecall::redis::version/)
      end
    else
      it { is_expected.to compile.with_all_deps }
    end
  end

  it 'evicts nothing, keeps a log, and is reached on this machine alone' do
    is_expected.to contain_file('/etc/rolecall/redis.conf')
      .with_content(/^bind 127\.0\.0\.1 -::1$/).with_content(/^maxmemory-policy noeviction$/)
      .with_content(/^appendonly yes$/).with_content(%r{^aclfile /etc/rolecall/redis\.acl$})
  end

  it 'keeps its users to itself' do
    is_expected.to contain_file('/etc/rolecall/redis.acl').with(group: 'redis', mode: '0640', show_diff: false)
  end

  it 'restarts for its settings, and not for its users' do
    is_expected.to contain_service('rolecall-redis.service')
      .that_subscribes_to('File[/etc/rolecall/redis.conf]').that_subscribes_to('Package[redis-server]')
    is_expected.not_to contain_file('/etc/rolecall/redis.acl').that_notifies('Service[rolecall-redis.service]')
    is_expected.to contain_exec('rolecall: Redis reads its users')
      .that_subscribes_to('File[/etc/rolecall/redis.acl]').that_requires('Service[rolecall-redis.service]')
      .with(refreshonly: true, command: %r{ /usr/bin/redis-cli -h 127.0.0.1 -p 6390 --user rolecall-admin acl load .* \|\| systemctl restart rolecall-redis\.service\z})
  end

  context 'on a system whose Redis comes in streams' do
    let(:facts) { el }

    it { is_expected.to contain_package('redis 7').with(ensure: '7', provider: 'dnfmodule', enable_only: true) }
  end

  context 'with Valkey' do
    let(:facts) { SYSTEMS.fetch('debian-13') }
    let(:params) do
      { package: 'valkey-server', server: '/usr/bin/valkey-server', client: '/usr/bin/valkey-cli', user: 'valkey', version: '8.1' }
    end

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_package('valkey-server').that_comes_before('File[/etc/rolecall/redis.acl]') }
    it { is_expected.not_to contain_package('redis-server') }

    it 'runs its programs as its user, and no other' do
      is_expected.to contain_file('/etc/systemd/system/rolecall-redis.service')
        .with_content(%r{^ExecStart=/usr/bin/valkey-server }).with_content(/^User=valkey$/)
      is_expected.to contain_file('/etc/rolecall/redis.acl').with(group: 'valkey', mode: '0640')
      is_expected.to contain_exec('rolecall: Redis reads its users').with_command(%r{ /usr/bin/valkey-cli -h .* acl load })
    end
  end

  context 'with a port that the programs do not ask at' do
    let(:params) { { port: 6400 } }

    it { is_expected.to compile.and_raise_error(/redis::port is 6400, .* at port 6390, by rolecall::redis_url/) }

    context 'for their URL has none' do
      let(:pre_condition) { "class { 'rolecall': redis_url => 'redis://localhost/0' }" }

      it { is_expected.to compile.and_raise_error(/redis::port is 6400, .* at port 6379/) }
    end
  end

  [{ port: 6400, url: 'redis://127.0.0.1:6400' }, { port: 6379, url: 'redis://[::1]/2' },
   { port: 6400, url: 'rediss://redis.example:6379/0' }].each do |both|
    context "with the port #{both[:port]} and the URL #{both[:url]}" do
      let(:pre_condition) { "class { 'rolecall': redis_url => '#{both[:url]}' }" }
      let(:params) { { port: both[:port] } }

      it { is_expected.to compile.with_all_deps }
    end
  end

  context 'with a later version than the system has' do
    let(:facts) { SYSTEMS.fetch('ubuntu-22.04') }
    let(:params) { { version: '7.2' } }

    it { is_expected.to compile.with_all_deps }
  end

  { '6.2' => false, '7.0' => true }.each do |version, knows|
    context "with a Redis #{version}" do
      let(:params) { { version: version } }

      it "#{knows ? 'gives' : 'gives no'} rights to read alone, and for single keys" do
        content = catalogue.resource('file', '/etc/rolecall/redis.acl')[:content]
        expect(content).to include('+setnx ~signed:*')
        expect(content.match?(/%R~|[()]/)).to be(knows)
      end
    end
  end

  it 'has what it checks its start with before it is started' do
    is_expected.to contain_service('rolecall-redis.service').that_requires('File[/opt/rolecall/bin/check-start]')
  end

  context 'with packages that the site installs in its own way' do
    let(:post_condition) { "package { ['redis-server', 'python3-venv']: ensure => latest }" }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_package('redis-server').with_ensure('latest').that_comes_before('File[/etc/rolecall/redis.conf]') }
    it { is_expected.to contain_package('python3-venv').that_comes_before('Exec[rolecall: virtual environment]') }
  end

  context 'before the service' do
    let(:pre_condition) { 'include rolecall::service' }

    it { is_expected.to contain_service('rolecall-redis.service').that_comes_before('Service[rolecall-enc.service]') }

    it 'knows a new password before the service uses it' do
      is_expected.to contain_exec('rolecall: Redis reads its users').that_comes_before('Service[rolecall-enc.service]')
    end
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_service('rolecall-redis.service').with(ensure: 'stopped', enable: false) }
    it { is_expected.to contain_file('/etc/rolecall/redis.acl').with_ensure('absent') }
    it { is_expected.not_to contain_file('/var/lib/rolecall-redis') }
  end

  refuses(port: 0, version: 'seven', server: 'redis-server', client: 'redis-cli', folder: '/tmp/redis', user: '', package: '',
          module_stream: '', rules: { 'rolecall-service' => [] }, reader_password: 'plain',
          ensure: true)
end
