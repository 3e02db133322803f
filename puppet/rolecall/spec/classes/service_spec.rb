# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::service' do
  each_system do |name|
    it { is_expected.to compile.with_all_deps }

    it 'runs in a virtual environment of a Python that is new enough' do
      python = name.match?(/12|24/) ? '/usr/bin/python3' : '/usr/bin/python3.11'
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

  context 'with a group of another name' do
    let(:params) { { group: 'pe-puppet' } }

    it { is_expected.to contain_file('/etc/systemd/system/rolecall-enc.socket').with_content(/SocketGroup=pe-puppet/) }
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

  refuses(group: '', log_level: 'LOUD', workers: 0, environment: { 'lower' => 'case' }, ensure: 'running')
end
