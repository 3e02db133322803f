# @summary One of rolecall's systemd units, known to systemd before anything starts it, or gone.
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

  # What goes is not what present services wait for, which may have to be there before it is stopped.
  $reload = $ensure ? {
    'present' => 'rolecall: systemctl daemon-reload',
    default   => 'rolecall: systemctl daemon-reload after removal',
  }
  file { $path:
    ensure  => stdlib::ensure($ensure, 'file'),
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => $content,
    notify  => Exec[$reload],
  }
}
