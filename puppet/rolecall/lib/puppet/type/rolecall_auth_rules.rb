# frozen_string_literal: true

Puppet::Type.newtype(:rolecall_auth_rules) do
  @doc = <<-DOC
    Rules in the puppetserver's auth.conf that let the provisioner use the CA, and let nobody else read
    pending requests, which carry passwords.

    They stand in a block of their own, before the site's; whoever the site's rules let in for the same is
    let in by them, too. `ensure => absent` takes the block away.
  DOC

  newproperty(:ensure) do
    desc 'Whether the rules are there.'
    newvalue(:present) { provider.put }
    newvalue(:absent) { provider.put_back }
    defaultto :present

    def retrieve
      provider.there? && provider.current ? :present : :absent
    end

    def insync?(is)
      return is == :absent if should == :absent

      (provider.there? || !resource.noop?) && provider.satisfied?
    end

    def change_to_s(_is, should)
      should == :present ? 'rules for the provisioner put before the others' : 'rules for the provisioner taken away'
    end
  end

  newparam(:path, namevar: true) do
    desc 'The file.'
    validate { |value| raise ArgumentError, 'path: not an absolute path' unless value.start_with?('/') }
  end

  newparam(:provisioner) do
    desc "The name in the provisioner's certificate."
    defaultto 'provisioner'
  end

  newparam(:also, array_matching: :all) do
    desc 'Names in the certificates of others who may do the same.'
    munge { |value| [value].flatten }
    defaultto { [] }
  end

  newparam(:store) do
    desc 'Where what the site had is remembered.'
    defaultto '/etc/rolecall/before.json'
  end

  autorequire(:file) { [self[:path], self[:store], File.dirname(self[:store])] }
end
