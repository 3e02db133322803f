# @summary Brings reports from the spool to the service.
#
# A path unit starts the shipper when the first report is there. It then watches the spool itself: systemd
# would start one for each report, and would not know how long to wait for a service that is away.
#
# @api private
class rolecall::puppetserver::shipper {
  assert_private()

  $wanted = $rolecall::puppetserver::ensure == 'present' and $rolecall::puppetserver::reports
  $ensure = rolecall::ensure($wanted)
  $service = 'rolecall-ship-reports.service'
  $path = 'rolecall-ship-reports.path'
  $values = {
    'user'  => $rolecall::puppetserver::user,
    'spool' => $rolecall::puppetserver::spool,
  }

  [$service, $path].each |$unit| {
    rolecall::unit { $unit:
      ensure  => $ensure,
      content => epp("rolecall/ship-reports.${unit.split('\.')[-1]}.epp", $values),
    }
  }

  if $wanted {
    service { $path:
      ensure    => running,
      enable    => true,
      subscribe => Rolecall::Unit[$path],
      require   => Exec['rolecall: systemctl daemon-reload'],
    }
    # Only one that runs: the path unit starts it.
    exec { "rolecall: systemctl try-restart ${service}":
      command     => "systemctl try-restart ${service}",
      path        => ['/usr/bin', '/bin'],
      refreshonly => true,
      subscribe   => [Rolecall::Unit[$service], Class['rolecall::puppetserver::files']],
      require     => Exec['rolecall: systemctl daemon-reload'],
    }
  } else {
    service { $path:
      ensure => stopped,
      enable => false,
    }
    -> service { $service:
      ensure => stopped,
      before => [Rolecall::Unit[$path], Rolecall::Unit[$service]],
    }
  }
}
