# @summary The environment file of one program, with its way to Redis.
#
# @api private
#
# @param ensure
#   Whether there is one.
# @param password
#   Of the program's user in Redis.
# @param variables
#   What else the program is told.
define rolecall::environment (
  Rolecall::Ensure               $ensure,
  Optional[Sensitive[String[1]]] $password,
  Hash                           $variables,
) {
  assert_private()
  include rolecall
  include rolecall::folders

  $user = "rolecall-${name}"
  if $ensure == 'present' and $rolecall::redis_url =~ /\Arediss(\+sentinel)?:/ and $password =~ Undef {
    fail("rolecall::${name}_password is not set: Redis is not on this machine (rolecall::redis_url), so give the password that its user ${user} has there") # lint:ignore:140chars
  }

  # Asked for, a password that is not there yet is made.
  $content = $ensure ? {
    'present' => Deferred('rolecall::environment', [$user, $rolecall::redis_url, $password, $variables]),
    default   => undef,
  }
  file { "/etc/rolecall/${name}.env":
    ensure    => stdlib::ensure($ensure, 'file'),
    owner     => 'root',
    group     => 'root',
    mode      => '0600',
    show_diff => false,
    content   => $content,
  }
}
