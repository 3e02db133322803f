# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall' do
  each_system { it { is_expected.to compile.with_all_deps } }

  context 'with a requirement for an index of the site’s own' do
    let(:params) { { wheel: 'rolecall==0.2.0' } }

    it 'installs again only what is not what it installed last' do
      is_expected.to contain_exec('rolecall: install')
        .with_command(/--upgrade rolecall\\=\\=0\.2\.0 /)
        .with_unless('echo rolecall\\=\\=0.2.0 | cmp --silent - /opt/rolecall/venv/installed')
    end
  end

  context 'on a site that does not say where the programs come from' do
    let(:hiera_config) { File::NULL }

    it { is_expected.to compile.and_raise_error(/rolecall::wheel is not given/) }

    context 'and takes them away' do
      let(:params) { { ensure: 'absent' } }

      it { is_expected.to compile.with_all_deps }
    end
  end

  it 'installs what others than root can read' do
    is_expected.to contain_exec('rolecall: virtual environment').with_umask('0022')
    is_expected.to contain_exec('rolecall: install').with_umask('0022')
  end

  it 'begins anew with another Python' do
    is_expected.to contain_exec('rolecall: virtual environment')
      .with_command(%r{ && echo /usr/bin/python3 > /opt/rolecall/venv/interpreter\z})
      .with_unless(%r{\Aecho /usr/bin/python3 \| cmp --silent - /opt/rolecall/venv/interpreter && })
  end

  context 'with a wheel and a wheelhouse of this machine' do
    let(:params) { { wheel: '/srv/rolecall-0.2.0-py3-none-any.whl', wheelhouse: '/srv/wheelhouse' } }

    it 'asks no index, and tells wheels by what is in them' do
      is_expected.to contain_exec('rolecall: install')
        .with_command(%r{--no-index --find-links /srv/wheelhouse /srv/rolecall-0\.2\.0})
        .with_unless(/\Asha256sum /)
    end
  end

  context 'with a wheel whose name tries to be a command' do
    let(:params) { { wheel: 'rolecall; rm -rf /' } }

    it { is_expected.to contain_exec('rolecall: install').with_command(/--upgrade rolecall\\;\\ rm\\ -rf\\ \//) }
  end

  context 'that is taken back' do
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
    it { is_expected.to contain_user('rolecall').with_ensure('absent') }
    it { is_expected.to contain_file('/etc/rolecall/secrets').with(ensure: 'absent', force: true, backup: false) }

    %w[service provisioner redis].each do |name|
      context "below a rolecall::#{name} that is there" do
        let(:post_condition) { "include rolecall::#{name}" }

        it { is_expected.to compile.and_raise_error(/rolecall::ensure is absent, and rolecall::#{name}.* is present/) }
      end
    end
    it { is_expected.to contain_exec('rolecall: remove the virtual environment').with_command('rm -rf /opt/rolecall/venv') }
  end

  refuses(ensure: 'there', site: 'a b', wheel: '', wheelhouse: 'here', python: 'python3',
          python_packages: 'python3', service_password: 'not sensitive', provisioner_password: 1)
  refuses(redis_url: 'redis://redis.example:6379/0')
  refuses(redis_url: 'redis://:password@127.0.0.1:6379/0')
  refuses(redis_url: 'http://127.0.0.1')
  refuses(redis_url: 'redis+sentinel://a.example,b.example/mymaster/0')
  refuses(redis_url: 'rediss+sentinel://a.example,b.example')
  refuses(redis_url: 'rediss+sentinel://:password@a.example/mymaster/0')
end
