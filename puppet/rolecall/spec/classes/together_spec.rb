# frozen_string_literal: true

require 'spec_helper'

CLASSES = %w[redis service provisioner puppetserver balancer].freeze

# The classes of one machine, those named taken back.
def together(absent)
  CLASSES.map do |name|
    ensured = absent.include?(name) ? 'absent' : 'present'
    "class { 'rolecall::#{name}': ensure => #{ensured} }"
  end.join("\n")
end

# The front stands before the service.
def sensible?(absent)
  !absent.include?('service') || absent.include?('balancer')
end

describe 'rolecall' do
  (0..CLASSES.size).flat_map { |count| CLASSES.combination(count).to_a }.each do |absent|
    context "with #{absent.empty? ? 'nothing' : absent.join(', ')} taken back, and the rest there" do
      let(:pre_condition) { together(absent) }

      if sensible?(absent)
        it { is_expected.to compile.with_all_deps }
      else
        it { is_expected.to compile.and_raise_error(/rolecall-front\.socket is one of the ENC service, which is not on this machine/) }
      end
    end
  end

  context 'with all taken back, and the programs too' do
    let(:post_condition) { together(CLASSES) }
    let(:params) { { ensure: 'absent' } }

    it { is_expected.to compile.with_all_deps }
  end

  context 'with several puppetservers behind the balancer' do
    let(:instance) { 'present' }
    let(:pre_condition) do
      <<~MANIFEST
        class { 'rolecall::balancer': ensure => #{balancer}, backends => ['127.0.0.1:8150', '127.0.0.1:8151'] }
        class { 'rolecall::puppetserver': behind_balancer => true, ensure => #{puppetserver} }
        class { 'rolecall::service': ensure => present }
        rolecall::puppetserver::instance { 'two': port => 8151, ensure => #{instance} }
      MANIFEST
    end

    [%w[present present absent], %w[present absent absent], %w[absent absent absent]].each do |states|
      context "#{states.join(', ')}: the balancer, the first and the further one" do
        let(:balancer) { states[0] }
        let(:puppetserver) { states[1] }
        let(:instance) { states[2] }

        it { is_expected.to compile.with_all_deps }
      end
    end

    context 'that is taken back' do
      let(:balancer) { 'absent' }
      let(:puppetserver) { 'present' }

      it { is_expected.to compile.and_raise_error(/declare the class rolecall::balancer/) }
    end

    context 'whose first is taken back' do
      let(:balancer) { 'present' }
      let(:puppetserver) { 'absent' }

      it { is_expected.to compile.and_raise_error(/instance two: rolecall::puppetserver is absent, whose settings it shares/) }
    end
  end

  context 'with a unit that is taken back' do
    let(:pre_condition) { "class { 'rolecall::service': ensure => absent }\ninclude rolecall::redis" }

    it 'tells systemd so, and lets nothing wait for that' do
      is_expected.to contain_file('/etc/systemd/system/rolecall-enc.service')
        .that_notifies('Exec[rolecall: systemctl daemon-reload after removal]')
      is_expected.to contain_service('rolecall-redis.service')
        .that_requires('Exec[rolecall: systemctl daemon-reload]')
    end
  end
end
