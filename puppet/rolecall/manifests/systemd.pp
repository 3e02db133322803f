# @summary Lets systemd read unit files that have changed.
#
# @api private
class rolecall::systemd {
  assert_private()

  exec { 'rolecall: systemctl daemon-reload':
    command     => 'systemctl daemon-reload',
    path        => ['/usr/bin', '/bin'],
    refreshonly => true,
  }
}
