# frozen_string_literal: true

require 'puppet/parameter/boolean'

Puppet::Type.newtype(:rolecall_setting) do
  @doc = <<-DOC
    A setting in one of the puppetserver's own files, which is the site's: puppet.conf, or one of HOCON.

    What the site had is remembered before the first change, and put back by `ensure => absent`. A setting
    that already is what it should be is the site's, and stays. One that was changed after us, too.
  DOC

  newproperty(:ensure) do
    desc 'Whether the setting is ours, or what the site had.'
    newvalue(:present) { provider.put }
    newvalue(:absent) { provider.put_back }
    defaultto :present

    def retrieve
      provider.there? && provider.current || 'nothing'
    end

    # Before its package is installed there is no file: nothing to put back, and no error of a dry run.
    def insync?(_is)
      return !provider.there? || !provider.ours? if should == :absent

      (provider.there? || !resource.noop?) && provider.satisfied?
    end

    def should_to_s(_value)
      should == :present ? (provider.there? && provider.wanted || 'nothing') : 'what the site had'
    end

    def change_to_s(is, should)
      name = resource[:setting]
      return "#{name} is what the site had" if should == :absent

      "#{name} changed from #{is} to #{provider.wanted || 'nothing'}; what the site had is kept in " \
        "#{resource[:store]}"
    end
  end

  newparam(:name, namevar: true) { desc 'Any; it names the resource.' }

  newparam(:path) do
    desc 'The file.'
    validate { |value| raise ArgumentError, 'path: not an absolute path' unless value.start_with?('/') }
  end

  newparam(:section) { desc 'In puppet.conf: the section. Left out: the file is HOCON.' }

  newparam(:setting) { desc 'Its name; in HOCON its path, as `webserver.ssl-port`.' }

  newparam(:value) do
    desc 'What it should be: text, or in HOCON a value as HOCON writes it.'
    validate { |value| raise ArgumentError, 'value: not a text' unless value.is_a?(String) }
  end

  newparam(:item) { desc 'What should be among others in its list.' }

  newparam(:otherwise) { desc 'With `item`: what the list is, for the puppetserver, where nothing is set.' }

  newparam(:gone, boolean: true, parent: Puppet::Parameter::Boolean) do
    desc 'Whether nothing should be set.'
    defaultto false
  end

  newparam(:store) do
    desc 'Where what the site had is remembered.'
    defaultto '/etc/rolecall/before.json'
  end

  validate do
    %i[path setting].each { |name| raise ArgumentError, "#{name} is needed" unless self[name] }
    ways = [self[:value], self[:item], self[:gone] || nil].compact
    raise ArgumentError, 'one of value, item and gone is needed' unless ways.size == 1
  end

  autorequire(:file) { [self[:path], self[:store], File.dirname(self[:store])] }
end
