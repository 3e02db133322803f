# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::puppetserver' do
  each_system do |name|
    it { is_expected.to compile.with_all_deps }

    it 'changes the files of the packages that this system has' do
      folder = OWN_PACKAGES.include?(name) ? '/etc/puppet' : '/etc/puppetlabs'
      conf = folder == '/etc/puppet' ? folder : "#{folder}/puppet"
      is_expected.to contain_rolecall_setting('puppet.conf node_terminus').with_path("#{conf}/puppet.conf")
      is_expected.to contain_rolecall_auth_rules("#{folder}/puppetserver/conf.d/auth.conf")
    end
  end

  it 'leaves to the site who classifies and who signs, until the site says otherwise' do
    is_expected.to contain_rolecall_setting('puppet.conf node_terminus').with_ensure('absent')
    is_expected.to contain_rolecall_setting('puppet.conf external_nodes').with_ensure('absent')
    is_expected.to contain_rolecall_setting('puppet.conf autosign').with_ensure('absent')
  end

  context 'that is switched over' do
    let(:params) { { classifier: 'terminus', signing: true } }

    it 'classifies in the puppetserver’s own process' do
      is_expected.to contain_rolecall_setting('puppet.conf node_terminus').with(ensure: 'present', value: 'rolecall')
      is_expected.to contain_rolecall_setting('puppet.conf external_nodes').with_ensure('absent')
      is_expected.to contain_rolecall_setting('puppetserver.conf ruby-load-path').with_item('/opt/rolecall/ruby')
    end

    it 'signs what is ours' do
      is_expected.to contain_rolecall_setting('puppet.conf autosign').with_ensure('present')
    end
  end

  it 'keeps the report processors of the site' do
    is_expected.to contain_rolecall_setting('puppet.conf reports').with(item: 'rolecall', otherwise: 'store')
  end

  it 'restarts the puppetserver for its settings, and for its Ruby' do
    is_expected.to contain_service('puppetserver')
      .that_subscribes_to('Rolecall_setting[puppet.conf node_terminus]')
      .that_subscribes_to('File[/opt/rolecall/ruby/puppet/indirector/node/rolecall.rb]')
  end

  it 'speaks TLS 1.2 where it meets agents itself' do
    is_expected.to contain_rolecall_setting('webserver.conf ssl-protocols').with(ensure: 'present', value: '[TLSv1.2]')
    is_expected.to contain_rolecall_setting('auth.conf allow-header-cert-info').with_ensure('absent')
  end

  context 'with a time-out of whole seconds' do
    let(:params) { { timeout: 5 } }

    it { is_expected.to contain_file('/etc/rolecall/enc.conf').with_content(/^timeout = 5$/) }
  end

  context 'with the script' do
    let(:params) { { classifier: 'script' } }

    it { is_expected.to contain_rolecall_setting('puppet.conf node_terminus').with_value('exec') }
    it { is_expected.to contain_rolecall_setting('puppet.conf external_nodes').with_value('/opt/rolecall/bin/enc') }
  end

  context 'with nothing but reports' do
    let(:params) { { manage_auth: false } }

    it { is_expected.to contain_rolecall_setting('puppet.conf node_terminus').with_ensure('absent') }
    it { is_expected.to contain_rolecall_setting('puppet.conf autosign').with_ensure('absent') }
    it { is_expected.to contain_rolecall_setting('puppet.conf reports').with_ensure('present') }
    it { is_expected.to contain_rolecall_auth_rules('/etc/puppet/puppetserver/conf.d/auth.conf').with_ensure('absent') }
  end

  context 'without reports' do
    let(:params) { { reports: false } }

    it { is_expected.to contain_rolecall_setting('puppet.conf reports').with_ensure('absent') }
    it { is_expected.to contain_service('rolecall-ship-reports.path').with_ensure('stopped') }
  end

  context 'with a service on another machine' do
    let(:params) { { url: ['https://puppet1.example:8141'] } }

    it 'shows the certificate that this machine’s agent has' do
      is_expected.to contain_file('/etc/rolecall/enc.conf')
        .with_content(%r{^url = https://puppet1\.example:8141$})
        .with_content(%r{^cert = /var/lib/puppet/ssl/certs/puppet\.example\.pem$})
        .with_content(%r{^key = /var/lib/puppet/ssl/private_keys/puppet\.example\.pem$})
    end
  end

  context 'behind the balancer' do
    let(:params) { { behind_balancer: true } }

    context 'that is there' do
      let(:pre_condition) { "include rolecall::service\ninclude rolecall::balancer" }

      it { is_expected.to compile.with_all_deps }

      it { is_expected.to contain_service('puppetserver').that_comes_before('Service[rolecall-balancer.service]') }

      it 'listens on loopback alone, before it believes what is said of clients' do
        is_expected.to contain_rolecall_setting('webserver.conf host').with_value('"127.0.0.1"')
        is_expected.to contain_rolecall_setting('webserver.conf ssl-port').with_gone(true)
        is_expected.to contain_rolecall_setting('auth.conf allow-header-cert-info').with_ensure('present')
      end
    end

    it 'says that there is none' do
      is_expected.to compile.and_raise_error(/declare the class rolecall::balancer/)
    end

    context 'that does not know it' do
      let(:pre_condition) { "include rolecall::service\nclass { 'rolecall::balancer': backends => ['127.0.0.1:9999'] }" }

      it { is_expected.to compile.and_raise_error(/rolecall::balancer::backends has no 127\.0\.0\.1:8150/) }
    end

    context 'that is declared after it' do
      let(:post_condition) { "include rolecall::service\nclass { 'rolecall::balancer': backends => ['127.0.0.1:8150'] }" }

      it { is_expected.to compile.with_all_deps }
    end
  end

  it 'has the Python of the scripts that it runs' do
    is_expected.to contain_package('python3').that_comes_before('Rolecall_setting[puppet.conf autosign]')
  end

  it 'installs no puppetserver: there is one' do
    is_expected.not_to contain_package('puppetserver')
    is_expected.not_to contain_package('openvox-server')
  end

  context 'with a puppetserver to install' do
    let(:params) { { manage_package: true } }

    it 'takes the distribution’s' do
      is_expected.to contain_package('puppetserver').that_comes_before('File[/etc/rolecall/enc.conf]')
    end

    context 'beside an agent of OpenVox’ or of Puppet’s' do
      let(:facts) { SYSTEMS.fetch('debian-12-openvox') }

      it 'asks which, and guesses none' do
        is_expected.to compile.and_raise_error(/say which server.*rolecall::puppetserver::package: puppetserver or openvox-server/)
      end

      context 'that is said' do
        let(:params) { { manage_package: true, package: 'openvox-server' } }

        it { is_expected.to contain_package('openvox-server') }
        it { is_expected.not_to contain_package('puppetserver') }
      end
    end
  end

  context 'with another module that has service and package, before or after it' do
    let(:site) { "package { 'puppetserver': ensure => latest }\nservice { 'puppetserver': ensure => running, hasrestart => true }" }

    %i[pre_condition post_condition].each do |place|
      context "as #{place}" do
        let(place) { site }
        let(:params) { { manage_package: true } }

        it { is_expected.to compile.with_all_deps }
        it { is_expected.to contain_package('puppetserver').with_ensure('latest').that_comes_before('File[/etc/rolecall/enc.conf]') }

        it 'tells it of new settings' do
          is_expected.to contain_service('puppetserver').with_hasrestart(true)
            .that_subscribes_to('Rolecall_setting[puppet.conf node_terminus]')
            .that_subscribes_to('File[/opt/rolecall/ruby/puppet/indirector/node/rolecall.rb]')
        end
      end
    end

    context 'when rolecall is taken back' do
      let(:pre_condition) { site }
      let(:params) { { ensure: 'absent' } }

      it { is_expected.to compile.with_all_deps }
      it { is_expected.not_to contain_exec('rolecall: systemctl try-restart puppetserver') }

      it 'tells it, too, before what it asked with goes' do
        is_expected.to contain_service('puppetserver')
          .that_subscribes_to('Rolecall_setting[puppet.conf node_terminus]')
          .that_comes_before('Class[rolecall::puppetserver::files]')
      end
    end
  end

  context 'with a service that somebody else starts' do
    let(:params) { { manage_service: false } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.not_to contain_service('puppetserver') }
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent' } }
    let(:restart) { 'rolecall: systemctl try-restart puppetserver' }

    it { is_expected.to compile.with_all_deps }

    it 'puts the settings back before what they name goes' do
      is_expected.to contain_rolecall_setting('puppet.conf autosign').with_ensure('absent')
      is_expected.to contain_exec(restart)
        .that_subscribes_to('Rolecall_setting[puppet.conf autosign]')
        .that_comes_before('Class[rolecall::puppetserver::shipper]')
      is_expected.to contain_file('/opt/rolecall/ruby').with_ensure('absent')
    end

    it 'installs, enables and starts nothing: only what runs is restarted' do
      is_expected.to contain_exec(restart).with_refreshonly(true)
      is_expected.not_to contain_service('puppetserver')
      is_expected.not_to contain_package('puppetserver')
    end

    context 'with a package that it was to install' do
      let(:params) { { ensure: 'absent', manage_package: true } }

      it { is_expected.not_to contain_package('puppetserver') }
    end

    it { is_expected.not_to contain_file('/var/cache/rolecall') }

    context 'with its balancer' do
      let(:pre_condition) { "class { 'rolecall::balancer': ensure => absent }" }

      it { is_expected.to compile.with_all_deps }
      it { is_expected.to contain_exec(restart).that_requires('Service[rolecall-balancer.service]') }
    end
  end

  refuses(ensure: 'running', classifier: 'ldap', signing: 'yes', reports: 'store', cert: 'cert.pem', key: 'key.pem',
          ca: 'ca.pem', timeout: 0, cache: 'cache', cache_max_age: 24, spool: '../spool', spool_limit: 0,
          manage_auth: 1, provisioner: 'UPPER', ca_clients: 'foreman', behind_balancer: 'no', port: 80,
          package: 'puppet', service: '', user: '', manage_package: 'no', manage_service: 'stopped')
  refuses(url: 'unix:/run/rolecall/enc.sock')
  refuses(url: ['http://puppet1.example:8141'])
  refuses(url: [])
end
