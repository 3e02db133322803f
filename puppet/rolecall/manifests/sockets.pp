# @summary Makes way for sockets that are new: systemd opens none for a service that runs.
#
# @api private
class rolecall::sockets {
  assert_private()
  include rolecall::systemd

  exec { 'rolecall: make way for sockets':
    command     => "systemctl stop 'rolecall-enc.*' 'rolecall-front.*' 'rolecall-dns.*'",
    path        => ['/usr/bin', '/bin'],
    refreshonly => true,
    provider    => posix,
    require     => Exec['rolecall: systemctl daemon-reload'],
  }
}
