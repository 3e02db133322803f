# frozen_string_literal: true

require_relative '../../../puppet_x/rolecall/conf/auth_rules'
require_relative '../../../puppet_x/rolecall/conf/site_file'

Puppet::Type.type(:rolecall_auth_rules).provide(:ruby) do
  desc 'By the library hocon, which Puppet has.'

  KEY = 'rules'

  def current
    file.document.current
  end

  def satisfied?
    current == file.document.block(names)
  rescue PuppetX::Rolecall::Conf::AuthRules::NoPlace
    raise Puppet::Error, "#{resource[:path]}: found no line 'rules: [' to put rules behind: begin the list " \
                         'of rules with such a line, or set rolecall::puppetserver::manage_auth to false ' \
                         "and add what puppet/example/auth.conf says 'rolecall' at"
  end

  def put
    file.put(KEY, nil, '') { |document| document.put(names) }
    @file = nil
  end

  def put_back
    file.put_back(KEY, &:remove)
    @file = nil
  end

  private

  def names
    [resource[:provisioner], *resource[:also]]
  end

  # Read once for a resource: others of the same run may have changed the file before.
  def file
    kind = PuppetX::Rolecall::Conf::AuthRules
    @file ||= PuppetX::Rolecall::Conf::SiteFile.new(resource[:path], resource[:store], kind)
  end
end
