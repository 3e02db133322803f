# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::puppetserver::instance' do
  let(:title) { 'two' }
  let(:params) { { port: 8151 } }
  let(:pre_condition) { "include rolecall::service\nclass { 'rolecall::balancer': backends => ['127.0.0.1:8150', '127.0.0.1:8151'] }" }

  each_system do |name|
    it { is_expected.to compile.with_all_deps }

    it 'is started as the packages of this system start theirs' do
      jar = OWN_PACKAGES.include?(name) ? %r{-jar \\\n    /usr/share/puppetserver} : /puppet-server-release\.jar/
      is_expected.to contain_file('/etc/systemd/system/rolecall-puppetserver@.service').with_content(jar)
    end
  end

  it 'listens on loopback, has no CA, and shares the rest' do
    folder = '/etc/rolecall/puppetserver/two'
    is_expected.to contain_file("#{folder}/conf.d/webserver.conf").with_content(/host: 127\.0\.0\.1\n    port: 8151/)
    is_expected.to contain_file("#{folder}/services.d/ca.cfg").with_content(/certificate-authority-disabled-service/)
    is_expected.to contain_file("#{folder}/conf.d/puppetserver.conf")
      .with_content(%r{^include file\("/etc/puppet/puppetserver/conf\.d/puppetserver\.conf"\)$})
  end

  it { is_expected.to contain_service('rolecall-puppetserver@two.service').with(ensure: 'running', enable: true) }

  it 'comes after the machine’s own, which makes the CA' do
    is_expected.to contain_service('rolecall-puppetserver@two.service')
      .that_requires('Service[puppetserver]').that_requires('File[/opt/rolecall/bin/check-start]')
  end

  context 'with more memory' do
    let(:params) { { port: 8151, java_args: '-Xmx4g' } }

    it { is_expected.to contain_file('/etc/rolecall/puppetserver/two/environment').with_content(/^JAVA_ARGS="-Xmx4g"$/) }
  end

  it 'runs the Java of the defaults file' do
    is_expected.to contain_file('/etc/systemd/system/rolecall-puppetserver@.service')
      .with_content(%r{^Environment=JAVA_BIN=/usr/bin/java\nEnvironmentFile=-/etc/default/puppetserver$})
      .with_content(%r{^ExecStart=/usr/bin/env \$\{JAVA_BIN\} \$JAVA_ARGS })
  end

  context 'with what systemd would read otherwise' do
    let(:params) { { port: 8151, java_args: '-Da="b c" -De=$f\\g`' } }

    it 'is quoted' do
      is_expected.to contain_file('/etc/rolecall/puppetserver/two/environment')
        .with_content(/^#{Regexp.escape('JAVA_ARGS="-Da=\"b c\" -De=\$f\\\\g\`"')}$/)
    end
  end

  context 'that the balancer does not know' do
    let(:params) { { port: 8152 } }

    it { is_expected.to compile.and_raise_error(/backends has no 127\.0\.0\.1:8152, where rolecall::puppetserver::instance two listens/) }
  end

  context 'with the port of the machine’s own' do
    let(:params) { { port: 8150 } }

    it { is_expected.to compile.and_raise_error(/port 8150 is the machine's own puppetserver's/) }
  end

  context 'with a name that is no file’s' do
    let(:title) { '../two' }

    it { is_expected.to compile.and_raise_error(/a name has 1 to 31 of a-z/) }
  end

  context 'that is taken back' do
    let(:params) { { port: 8151, ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_service('rolecall-puppetserver@two.service').with(ensure: 'stopped', enable: false) }
  end

  refuses(port: 80, ensure: 'running', java_args: '')
  refuses(java_args: "-Xmx4g\nINSTANCE_PORT=1")
end
