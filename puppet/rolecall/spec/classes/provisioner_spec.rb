# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::provisioner' do
  each_system { it { is_expected.to compile.with_all_deps } }

  it 'is a command for people, with settings that are root’s alone' do
    is_expected.to contain_file('/usr/local/bin/provisioner').with(mode: '0755')
    is_expected.to contain_file('/etc/rolecall/provisioner.env').with(mode: '0600', owner: 'root', show_diff: false)
  end

  it { is_expected.to contain_service('rolecall-provisioner.service').with(ensure: 'running', enable: true) }

  def unit
    contain_file('/etc/systemd/system/rolecall-provisioner.service')
  end

  it 'is ready when it says so, and begun anew when it says nothing any more' do
    is_expected.to unit.with_content(/^Type=notify\nNotifyAccess=main\n/).with_content(/^WatchdogSec=10min$/)
                       .with_content(/^TimeoutStopSec=20\nLimitNOFILE=65535$/)
  end

  it 'may read root’s AWS profiles, whatever the sandbox says before' do
    is_expected.to unit.with_content(/^ProtectHome=yes$.*^ProtectHome=read-only$/m)
  end

  it 'shows metrics nowhere' do
    is_expected.to unit.with_content(%r{provisioner run --interval 60s$})
  end

  context 'with metrics' do
    let(:params) { { metrics: '127.0.0.1:9310' } }

    it { is_expected.to unit.with_content(/run --interval 60s --metrics 127\.0\.0\.1:9310$/) }
  end

  context 'with a CA' do
    let(:params) { { ca_url: 'https://puppet.example:8140' } }

    it 'waits for the certificate that the CA makes, and says so' do
      is_expected.to unit.with_content(/^NotifyAccess=all$/)
        .with_content(%r{^ExecStart=/bin/sh -c 'for file in /var/lib/puppet/ssl/certs/provisioner\.pem })
        .with_content(%r{--status=waits for \$\$file.*exec /opt/rolecall/venv/bin/provisioner run --interval 60s'$}m)
    end

    context 'and papers of the site’s' do
      let(:params) { super().merge(cert: '/a.pem', key: '/b.pem', ca: '/c.pem') }

      it { is_expected.to unit.with_content(/^NotifyAccess=main$/).with_content(%r{^ExecStart=/opt/rolecall/venv}) }
    end
  end

  context 'without its loop' do
    let(:params) { { loop: false } }

    it { is_expected.to contain_service('rolecall-provisioner.service').with(ensure: 'stopped', enable: false) }
  end

  context 'with another interval' do
    let(:params) { { interval: '5m' } }

    it 'waits as long as it is told between two passes' do
      is_expected.to contain_file('/etc/systemd/system/rolecall-provisioner.service')
        .with_content(%r{^ExecStart=/opt/rolecall/venv/bin/provisioner run --interval 5m$})
    end
  end

  context 'with a Redis on another machine' do
    let(:pre_condition) { "class { 'rolecall': redis_url => 'rediss://redis.example:6380/0' }" }

    it 'asks for the password, by its parameter' do
      is_expected.to compile.and_raise_error(/rolecall::provisioner_password is not set.*its user rolecall-provisioner/m)
    end
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent', loop: true } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_service('rolecall-provisioner.service').with(ensure: 'stopped', enable: false) }
    it { is_expected.to contain_file('/usr/local/bin/provisioner').with_ensure('absent') }
  end

  refuses(loop: 'yes', metrics: 9310, interval: 60, ca_url: 'http://puppet:8140', puppetdb_url: 'puppetdb', cert: 'cert.pem',
          key: 'key.pem', ca: 'ca.pem', environment: { 'AWS_PROFILE' => true }, ensure: 'running')
end
