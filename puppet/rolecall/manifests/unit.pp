# @summary One of rolecall's systemd units, known to systemd before anything starts it.
#
# @api private
#
# @param ensure
#   Whether there is one.
# @param content
#   The unit file.
# @param path
#   Where it lies.
define rolecall::unit (
  Rolecall::Ensure     $ensure,
  Optional[String[1]]  $content = undef,
  Stdlib::Absolutepath $path    = "/etc/systemd/system/${name}",
) {
  assert_private()
  include rolecall::systemd

  file { $path:
    ensure  => stdlib::ensure($ensure, 'file'),
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => $content,
    notify  => Exec['rolecall: systemctl daemon-reload'],
  }
}
