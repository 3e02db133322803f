# @summary The puppetserver's service, unless the site has it in its catalogue.
#
# A defined type is evaluated after all classes, in whatever order the site declares them.
#
# @api private
#
# @param manage
#   Whether it is to run.
# @param ensure
#   `absent`: rolecall leaves it. Then one that runs is to read its settings, and one that does not stays
#   as it is.
define rolecall::puppetserver::daemon (
  Boolean          $manage,
  Rolecall::Ensure $ensure,
) {
  assert_private()

  # A restart, not a reload: the web server's settings are read once.
  unless defined(Service[$name]) {
    if $ensure == 'absent' {
      # Puppet shows the journal of a service that does not start, and nothing of a command's.
      $why = "journalctl --unit=${name} --no-pager --output=cat --lines=10"
      exec { "rolecall: systemctl try-restart ${name}":
        command     => "systemctl try-restart ${name} || { ${why}; false; }",
        provider    => shell,
        path        => ['/usr/bin', '/bin'],
        refreshonly => true,
        timeout     => 600,
      }
    } elsif $manage {
      service { $name:
        ensure => running,
        enable => true,
      }
    }
  }
}
