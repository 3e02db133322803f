# frozen_string_literal: true

Puppet::Type.type(:rolecall_auth_rules).provide(:ruby) do
  desc 'By the library hocon, which Puppet has.'

  # Whether there is a file at all.
  def there?
    File.exist?(resource[:path])
  end

  def current
    file.document.current
  end

  def satisfied?
    file.satisfies? { |document| current == document.block(names) }
  end

  def put
    file.put('rules', nil, '') { |document| document.put(names) }
    @file = nil
  end

  def put_back
    file.put_back('rules', &:remove)
    @file = nil
  end

  private

  def names
    [resource[:provisioner], *resource[:also]]
  end

  # Read once for a resource: others of the same run may have changed the file before.
  def file
    @file ||= open
  end

  # Where a catalogue is compiled this is loaded, too, and the library need not be there.
  def open
    require_relative '../../../puppet_x/rolecall/conf/auth_rules'
    require_relative '../../../puppet_x/rolecall/conf/site_file'
    kind = PuppetX::Rolecall::Conf::AuthRules
    PuppetX::Rolecall::Conf::SiteFile.new(resource[:path], resource[:store], kind)
  end
end
