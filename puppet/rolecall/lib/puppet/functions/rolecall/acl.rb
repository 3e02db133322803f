# frozen_string_literal: true

require 'digest'
require_relative '../../../puppet_x/rolecall/secrets'

# @summary Redis' ACL file: one user for each program, and none without a name.
#
# For `Deferred`, as `rolecall::environment`.
Puppet::Functions.create_function(:'rolecall::acl') do
  # @param rules
  #   Of each user, what it may do, as words of Redis' ACL.
  # @param passwords
  #   Of each user; undef: the one that this machine made for itself.
  #
  # @return [Sensitive[String]] The text. Passwords are in it as their SHA-256.
  dispatch :acl do
    param 'Hash[String[1], Array[String[1], 1]]', :rules
    param 'Hash[String[1], Optional[Sensitive[String[1]]]]', :passwords
    return_type 'Sensitive[String]'
  end

  def acl(rules, passwords)
    lines = rules.map { |user, words| line(user, passwords[user], words) }
    text = "user default reset off\n#{lines.join}"
    Puppet::Pops::Types::PSensitiveType::Sensitive.new(text)
  end

  def line(user, password, words)
    secret = password ? password.unwrap : PuppetX::Rolecall::Secrets.fetch(user)
    "user #{user} reset on ##{Digest::SHA256.hexdigest(secret)} #{words.join(' ')}\n"
  end
end
