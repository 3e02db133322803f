# frozen_string_literal: true

require_relative '../../../puppet_x/rolecall/secrets'

# @summary The environment file of one of rolecall's programs, with REDIS_URL in it.
#
# For `Deferred`: the password of a Redis on this machine is known to this machine alone.
Puppet::Functions.create_function(:'rolecall::environment') do
  # @param user
  #   The user of Redis' ACL that the program is.
  # @param redis_url
  #   Where Redis is, without login and password.
  # @param password
  #   The user's password; undef: the one that this machine made for itself.
  # @param variables
  #   What else is in the file.
  #
  # @return [Sensitive[String]] The text, as systemd and sh read it.
  dispatch :environment do
    param 'String[1]', :user
    param 'String[1]', :redis_url
    param 'Optional[Sensitive[String[1]]]', :password
    param 'Hash[String[1], Variant[String, Integer, Sensitive[String]]]', :variables
    return_type 'Sensitive[String]'
  end

  def environment(user, redis_url, password, variables)
    secret = password ? password.unwrap : PuppetX::Rolecall::Secrets.fetch(user)
    all = { 'REDIS_URL' => with_login(redis_url, user, secret) }.merge(variables)
    lines = all.map { |name, value| "#{name}=#{quoted(name, plain(value))}\n" }
    Puppet::Pops::Types::PSensitiveType::Sensitive.new("# Puppet keeps this file.\n#{lines.join}")
  end

  def plain(value)
    value.respond_to?(:unwrap) ? value.unwrap : value.to_s
  end

  def with_login(url, user, secret)
    url.sub('://', "://#{escaped(user)}:#{escaped(secret)}@")
  end

  def escaped(text)
    text.gsub(/[^A-Za-z0-9._~-]/) { |char| char.bytes.map { |byte| format('%%%02X', byte) }.join }
  end

  # Both read "..." alike: https://www.freedesktop.org/software/systemd/man/systemd.exec.html
  def quoted(name, value)
    raise Puppet::Error, "#{name}: a variable has one line" if value.match?(/[\n\r\0]/)

    %("#{value.gsub(/["\\$`]/) { |char| "\\#{char}" }}")
  end
end
