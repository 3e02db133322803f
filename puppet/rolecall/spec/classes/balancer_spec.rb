# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::balancer' do
  let(:pre_condition) { 'include rolecall::service' }

  each_system { it { is_expected.to compile.with_all_deps } }

  def conf
    contain_file('/etc/rolecall/balancer.conf')
  end

  it { is_expected.to contain_file('/etc/rolecall/balancer.conf').with(owner: 'root', mode: '0600') }

  it 'lets nobody ask the service who is not named' do
    is_expected.to conf.with_content(%r{LocationMatch "\^/v1/enc/.*?Require all denied}m)
  end

  it 'has a socket of the service for Apache’s workers' do
    is_expected.to contain_file('/etc/systemd/system/rolecall-front.socket').with_content(/SocketGroup=rolecall-front/)
  end

  it 'runs as a user that no other web server has' do
    is_expected.to contain_user('rolecall-front').with(shell: '/usr/sbin/nologin', gid: 'rolecall-front', comment: /\A[^:]+\z/)
                                                 .that_comes_before('Service[rolecall-front.socket]')
    is_expected.to conf.with_content(/^User rolecall-front\nGroup rolecall-front$/)
  end

  context 'with a user of the site’s' do
    let(:params) { { user: 'www-data' } }

    it { is_expected.not_to contain_user('www-data') }
    it { is_expected.not_to contain_user('rolecall-front') }
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to contain_user('rolecall-front').with_ensure('absent').that_requires('Service[rolecall-balancer.service]') }
  end

  it 'says before its start which file or port keeps it from starting' do
    is_expected.to contain_file('/etc/systemd/system/rolecall-balancer.service')
      .with_content(%r{check-start .*crl rolecall::balancer::crl /etc/puppet/puppetserver/ca/ca_crl\.pem}m)
      .with_content(/port rolecall::balancer::puppet_port \[::\]:8140/)
  end

  context 'on EL' do
    let(:facts) { el }

    it { is_expected.to contain_package('mod_ssl') }
    it { is_expected.to conf.with_content(%r{/usr/lib64/httpd/modules/mod_ssl\.so}).with_content(/^User rolecall-front$/) }
  end

  it 'has Apache, and what it checks its start with, before anything is started' do
    is_expected.to contain_service('rolecall-front.socket').that_requires('Package[apache2-bin]')
    is_expected.to contain_service('rolecall-balancer.service')
      .that_requires('Package[apache2-bin]').that_requires('File[/opt/rolecall/bin/check-start]')
  end

  context 'with an Apache that the site installs in its own way' do
    let(:post_condition) { "package { 'apache2-bin': ensure => latest }" }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_package('apache2-bin').with_ensure('latest').that_comes_before('Service[rolecall-balancer.service]') }
  end

  context 'with no packages' do
    let(:params) { { packages: [] } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_package('apache2-bin') }
  end

  context 'with named puppetservers' do
    let(:params) { { puppetservers: ['puppet2.example', 'puppet3.example'] } }

    it { is_expected.to conf.with_content(/SSL_CLIENT_S_DN_CN} in { 'puppet2\.example', 'puppet3\.example' }/) }
  end

  context 'with named tools' do
    let(:params) { { tools: ['prometheus.example', 'ansible.example'] } }

    it 'lets them read what there is for tools, and people too' do
      is_expected.to conf.with_content(
        %r{LocationMatch "\^/\(\?:v1/discovery/\[a-z\]\+\|metrics\)\$">\n    AuthMerging Or\n.*in { 'prometheus\.example', 'ansible\.example' }},
      )
    end
  end

  it 'has no way in for tools of which none is named' do
    is_expected.not_to conf.with_content(/discovery/)
  end

  context 'with a password file' do
    let(:params) { { login: { 'htpasswd' => '/etc/rolecall/people' } } }

    it { is_expected.to conf.with_content(%r{AuthUserFile /etc/rolecall/people\n    Require valid-user}) }
    it { is_expected.to contain_file('/etc/systemd/system/rolecall-balancer.service').with_content(%r{login /etc/rolecall/people}) }
  end

  context 'with a login of the site’s own' do
    let(:params) { { login: { 'config' => "AuthType openid-connect\nRequire valid-user", 'modules' => 'LoadModule x x.so' } } }

    it { is_expected.to conf.with_content(/^LoadModule x x\.so$/).with_content(/^    AuthType openid-connect\n    Require valid-user$/) }
  end

  context 'before no puppetserver' do
    let(:params) { { backends: [] } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to conf.with_content(/8140/) }
  end

  context 'with a CA that is none of the puppetservers' do
    let(:params) { { ca_backend: '127.0.0.1:9999' } }

    it { is_expected.to compile.and_raise_error(/ca_backend is 127\.0\.0\.1:9999, which is not one of/) }
  end

  context 'with one port for both' do
    let(:params) { { enc_port: 8140 } }

    it { is_expected.to compile.and_raise_error(/both 8140: choose two/) }
  end

  context 'without the service' do
    let(:pre_condition) { '' }

    it { is_expected.to compile.and_raise_error(/which is not on this machine: declare the class rolecall::service/) }
  end

  context 'before itself' do
    let(:params) { { backends: ['127.0.0.1:8140'] } }

    it { is_expected.to compile.and_raise_error(/127\.0\.0\.1:8140, which is a port of the balancer's/) }
  end

  context 'before one puppetserver twice' do
    let(:params) { { backends: ['127.0.0.1:8150', '127.0.0.1:8150'] } }

    it { is_expected.to compile.and_raise_error(/names one twice/) }
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_service('rolecall-balancer.service').with(ensure: 'stopped', enable: false) }
    it { is_expected.to conf.with_ensure('absent') }
  end

  # In Apache's words this would be whoever asks.
  refuses(login: { 'certificates' => ['%{SSL_CLIENT_S_DN_CN}'] })
  refuses(ensure: 1, puppet_port: 0, enc_port: 65_536, backends: ['10.0.0.1:8150'], ca_backend: 'puppet', puppetservers: ["x'"], tools: ["x'"],
          login: { 'password' => 'x' }, certificate: 'x', key: 'x', ca: 'x', crl: 'x', reload_every: 0, packages: 'apache2',
          program: 'apache2', modules: 'modules', user: '')
end
