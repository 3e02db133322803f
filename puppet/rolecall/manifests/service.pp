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
# @example With names in DNS, for a PowerDNS on this machine
#   class { 'rolecall::service':
#     dns => {
#       'zones'    => ['fleet.example'],
#       'servers'  => ['ns1.fleet.example=10.0.0.53'],
#       'networks' => ['10.0.0.0/8'],
#     },
#   }
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
# @param dns
#   The zones for a PowerDNS on this machine. Left out: there are none.
class rolecall::service (
  String[1]                                             $group,
  Enum['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] $log_level,
  Integer[1, 64]                                        $workers,
  Rolecall::Variables                                   $environment,
  Rolecall::Ensure                                      $ensure = 'present',
  Optional[Rolecall::Dns]                               $dns = undef,
) {
  include rolecall

  if $ensure == 'present' and $rolecall::ensure == 'absent' {
    fail('rolecall::ensure is absent, and rolecall::service, which it would take the programs from, is present: let that be absent, too')
  }
  $unit = 'rolecall-enc.service'
  $dns_port = pick($dns.then |$given| { $given['port'] }, 8053)
  $dns_variables = $dns ? {
    undef   => {},
    default => {
      'DNS_ZONES'      => $dns['zones'].join(' '),
      'DNS_NS'         => $dns['servers'].join(' '),
      'DNS_NETWORKS'   => pick($dns['networks'], []).join(' '),
      'DNS_HOSTMASTER' => $dns['hostmaster'],
      'DNS_TTL'        => $dns['ttl'],
      'DNS_BIND'       => "127.0.0.1:${dns_port}",
    }.filter |$_name, $value| { $value =~ NotUndef and $value != '' },
  }
  rolecall::environment { 'service':
    ensure    => $ensure,
    password  => $rolecall::service_password,
    variables => {
      'ROLECALL_SITE'   => $rolecall::site,
      'LOG_LEVEL'       => $log_level,
      'WEB_CONCURRENCY' => $workers,
    } + $dns_variables + $environment,
  }
  rolecall::unit { $unit:
    ensure  => $ensure,
    content => epp('rolecall/service.epp'),
  }
  rolecall::socket { 'enc':
    ensure => $ensure,
    group  => $group,
  }
  # Without its settings the service would not know that this one is for PowerDNS alone.
  rolecall::socket { 'dns':
    ensure => bool2str($ensure == 'present' and $dns =~ NotUndef, 'present', 'absent'),
    group  => 'root',
    port   => $dns_port,
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
