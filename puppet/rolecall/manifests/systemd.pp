# @summary Lets systemd read unit files that have changed, and forget those that are gone.
#
# @api private
class rolecall::systemd {
  assert_private()

  exec { 'rolecall: systemctl daemon-reload':
    command     => 'systemctl daemon-reload',
    path        => ['/usr/bin', '/bin'],
    refreshonly => true,
  }

  # Nothing waits for this one: what stays is started before or after, and what goes was stopped before
  # its unit went.
  exec { 'rolecall: systemctl daemon-reload after removal':
    command     => 'systemctl daemon-reload',
    path        => ['/usr/bin', '/bin'],
    refreshonly => true,
  }
}
