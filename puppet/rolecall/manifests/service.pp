# @summary The ENC service: says who a node is, which certificate requests are ours, and takes reports.
#
# It runs as the user `rolecall` and listens at `/run/rolecall/enc.sock`, which the puppetserver's
# group may use; no other machine reaches it but through `rolecall::balancer`. Redis' URL and the
# site are parameters of the class `rolecall`.
#
# @example
#   include rolecall::redis
#   include rolecall::service
#
# @param ensure
#   `absent` stops the service and takes its units and its settings away.
# @param group
#   The group that may use the socket: the puppetserver's.
# @param log_level
#   From where on the service writes to the journal.
# @param workers
#   How many processes answer, with eight threads each.
# @param environment
#   Further environment variables.
class rolecall::service (
  String[1]                                             $group,
  Enum['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] $log_level,
  Integer[1, 64]                                        $workers,
  Rolecall::Variables                                   $environment,
  Rolecall::Ensure                                      $ensure = 'present',
) {
  include rolecall

  if $ensure == 'present' and $rolecall::ensure == 'absent' {
    fail('rolecall::ensure is absent, and rolecall::service, which it would take the programs from, is present: let that be absent, too')
  }
  $unit = 'rolecall-enc.service'
  rolecall::environment { 'service':
    ensure    => $ensure,
    password  => $rolecall::service_password,
    variables => {
      'ROLECALL_SITE'   => $rolecall::site,
      'LOG_LEVEL'       => $log_level,
      'WEB_CONCURRENCY' => $workers,
    } + $environment,
  }
  rolecall::unit { $unit:
    ensure  => $ensure,
    content => epp('rolecall/service.epp'),
  }
  rolecall::socket { 'enc':
    ensure => $ensure,
    group  => $group,
  }

  if $ensure == 'present' {
    service { $unit:
      ensure    => running,
      enable    => true,
      subscribe => [Class['rolecall::install'], Rolecall::Environment['service'], Rolecall::Unit[$unit]],
      require   => Exec['rolecall: systemctl daemon-reload'],
    }
  } else {
    service { $unit:
      ensure => stopped,
      enable => false,
      before => [Rolecall::Unit[$unit], Class['rolecall::install']],
    }
  }
}
