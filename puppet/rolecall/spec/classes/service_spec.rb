# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::service' do
  usual = { 'ROLECALL_SITE' => 'default', 'LOG_LEVEL' => 'INFO', 'WEB_CONCURRENCY' => 2 }

  each_system do |name|
    it { is_expected.to compile.with_all_deps }

    it 'runs in a virtual environment of a Python that is new enough' do
      python = name.match?(/12|13|24/) ? '/usr/bin/python3' : '/usr/bin/python3.11'
      is_expected.to contain_exec('rolecall: virtual environment')
        .with_command(%r{\A#{python} -m venv --clear /opt/rolecall/venv && })
    end
  end

  it 'listens at a socket for the puppetserver alone' do
    is_expected.to contain_file('/etc/systemd/system/rolecall-enc.socket')
      .with_content(%r{ListenStream=/run/rolecall/enc\.sock\n.*SocketGroup=puppet\nSocketMode=0660}m)
  end

  it 'says nothing of its settings to anybody but root' do
    is_expected.to contain_file('/etc/rolecall/service.env')
      .with(owner: 'root', mode: '0600', show_diff: false)
  end

  it 'is started after its sockets, and again when its settings change' do
    is_expected.to contain_service('rolecall-enc.service')
      .that_requires('Service[rolecall-enc.socket]')
      .that_subscribes_to('File[/etc/rolecall/service.env]')
  end

  it 'has descriptors for thousands of clients that say nothing' do
    is_expected.to contain_file('/etc/systemd/system/rolecall-enc.service').with_content(/^LimitNOFILE=65535$/)
  end

  context 'with a group of another name' do
    let(:params) { { group: 'pe-puppet' } }

    it { is_expected.to contain_file('/etc/systemd/system/rolecall-enc.socket').with_content(/SocketGroup=pe-puppet/) }
  end

  it 'listens for no PowerDNS' do
    is_expected.to contain_service('rolecall-dns.socket').with(ensure: 'stopped', enable: false)
    is_expected.to contain_file('/etc/systemd/system/rolecall-dns.socket').with_ensure('absent')
    is_expected.to contain_rolecall__environment('service').with_variables(usual)
  end

  context 'with zones' do
    let(:params) { { dns: { 'zones' => ['fleet.example', 'b.example'], 'servers' => ['ns1.fleet.example=10.0.0.53'] } } }

    it { is_expected.to compile.with_all_deps }

    it 'tells the service what was given, and no more' do
      is_expected.to contain_rolecall__environment('service').with_variables(
        usual.merge(
          'DNS_ZONES' => 'fleet.example b.example',
          'DNS_NS' => 'ns1.fleet.example=10.0.0.53',
          'DNS_BIND' => '127.0.0.1:8053',
        ),
      )
    end

    it 'listens at a port of this machine alone, before the service starts' do
      is_expected.to contain_file('/etc/systemd/system/rolecall-dns.socket')
        .with_content(/^ListenStream=127\.0\.0\.1:8053$/).without_content(/SocketGroup/)
      is_expected.to contain_service('rolecall-dns.socket')
        .with(ensure: 'running', enable: true).that_comes_before('Service[rolecall-enc.service]')
    end
  end

  context 'with all that can be said of zones' do
    let(:params) do
      { dns: { 'zones' => ['fleet.example'], 'servers' => ['ns1.example.com'], 'port' => 5300, 'ttl' => 5,
               'networks' => ['10.0.0.0/8', '2001:db8::/32'], 'hostmaster' => 'jo@example.com' } }
    end

    it 'tells the service all of it' do
      is_expected.to contain_rolecall__environment('service').with_variables(
        usual.merge(
          'DNS_ZONES' => 'fleet.example',
          'DNS_NS' => 'ns1.example.com',
          'DNS_NETWORKS' => '10.0.0.0/8 2001:db8::/32',
          'DNS_HOSTMASTER' => 'jo@example.com',
          'DNS_TTL' => 5,
          'DNS_BIND' => '127.0.0.1:5300',
        ),
      )
    end
  end

  context 'that is taken back, with its zones' do
    let(:params) { { ensure: 'absent', dns: { 'zones' => ['fleet.example'], 'servers' => ['ns1.example.com'] } } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_file('/etc/systemd/system/rolecall-dns.socket').with_ensure('absent') }
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }

    it 'is stopped before its unit goes' do
      is_expected.to contain_service('rolecall-enc.service')
        .with(ensure: 'stopped', enable: false)
        .that_comes_before('File[/etc/systemd/system/rolecall-enc.service]')
      is_expected.to contain_file('/etc/systemd/system/rolecall-enc.service').with_ensure('absent')
      is_expected.to contain_file('/etc/rolecall/service.env').with_ensure('absent').without_content
    end
  end

  refuses(dns: { 'zones' => ['fleet.example'] })
  refuses(group: '', log_level: 'LOUD', workers: 0, environment: { 'lower' => 'case' }, ensure: 'running')
end
