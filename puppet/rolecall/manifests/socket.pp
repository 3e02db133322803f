# @summary A socket of the ENC service: a unix socket for one group, or a port of this machine alone.
#
# systemd listens at it, so that a look-up waits while the service restarts, and is not refused.
#
# @api private
#
# @param group
#   Who may use it.
# @param port
#   On 127.0.0.1, in place of a unix socket.
# @param ensure
#   Whether there is one.
define rolecall::socket (
  String[1]              $group,
  Optional[Stdlib::Port] $port = undef,
  Rolecall::Ensure       $ensure = 'present',
) {
  assert_private()
  include rolecall::sockets

  $unit = "rolecall-${name}.socket"
  rolecall::unit { $unit:
    ensure  => $ensure,
    content => epp('rolecall/socket.epp', { 'name' => $name, 'group' => $group, 'port' => $port }),
  }

  if $ensure == 'present' {
    unless defined(Class['rolecall::service']) and $rolecall::service::ensure == 'present' {
      fail("the socket ${unit} is one of the ENC service, which is not on this machine: declare the class rolecall::service")
    }
    service { $unit:
      ensure  => running,
      enable  => true,
      require => Exec['rolecall: make way for sockets'],
    }
    Rolecall::Unit[$unit]
    ~> Exec['rolecall: make way for sockets']
    Service[$unit]
    -> Service <| title == 'rolecall-enc.service' |>
  } else {
    service { $unit:
      ensure => stopped,
      enable => false,
      before => Rolecall::Unit[$unit],
    }
    # A look-up at the socket would start the service again.
    Service[$unit] -> Service <| title == 'rolecall-enc.service' |>
  }
}
