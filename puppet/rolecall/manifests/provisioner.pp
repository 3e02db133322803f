# @summary The provisioner: its command for people, and its loop as a systemd unit.
#
# The command is `/usr/local/bin/provisioner`, for root, who alone may read the settings. Redis' URL
# and the site are parameters of the class `rolecall`.
#
# @example With Puppet's CA and PuppetDB
#   class { 'rolecall::provisioner':
#     ca_url       => 'https://puppet.example:8140',
#     puppetdb_url => 'https://puppetdb.example:8081',
#     environment  => { 'AWS_DEFAULT_REGION' => 'eu-west-1' },
#   }
#
# @param ensure
#   `absent` stops the loop and takes command, unit and settings away.
# @param loop
#   Whether the loop runs: `provisioner run`. It waits by itself for `provisioner init`, and where several machines
#   run it, one acts and the others stand by.
# @param interval
#   How long the loop waits between two passes.
# @param metrics
#   Where Prometheus may ask the loop for its metrics: `127.0.0.1:9310`. It knows no logins: take an address that
#   Prometheus alone reaches. Left out: nowhere.
# @param ca_url
#   Puppet's CA; left out, certificates are not signed and not revoked.
# @param puppetdb_url
#   PuppetDB; left out, PuppetDB does not learn which machines ended.
# @param cert
#   The provisioner's certificate for both. Left out: where `puppetserver ca generate --certname
#   provisioner` puts it, on the CA's machine; until it is there, the loop waits.
# @param key
#   The certificate's key, without a passphrase.
# @param ca
#   The certificate of Puppet's CA.
# @param environment
#   Further environment variables, such as `AWS_PROFILE`; secrets as `Sensitive`.
class rolecall::provisioner (
  Boolean                        $loop,
  Rolecall::Duration             $interval,
  Rolecall::Variables            $environment,
  Optional[Rolecall::Address]    $metrics      = undef,
  Optional[Stdlib::HTTPSUrl]     $ca_url       = undef,
  Optional[Stdlib::HTTPUrl]      $puppetdb_url = undef,
  Optional[Stdlib::Absolutepath] $cert         = undef,
  Optional[Stdlib::Absolutepath] $key          = undef,
  Optional[Stdlib::Absolutepath] $ca           = undef,
  Rolecall::Ensure               $ensure       = 'present',
) {
  include rolecall

  if $ensure == 'present' and $rolecall::ensure == 'absent' {
    fail('rolecall::ensure is absent, and rolecall::provisioner, which it would take its program from, is present: let that be absent, too')
  }
  $unit = 'rolecall-provisioner.service'
  $asked = { 'PUPPET_CA_URL' => $ca_url, 'PUPPETDB_URL' => $puppetdb_url }.filter |$entry| { $entry[1] =~ NotUndef }
  $ssl = rolecall::layout()['ssldir']
  $papers = $asked.empty ? {
    true    => {},
    default => {
      'PUPPET_CERT' => pick($cert, "${ssl}/certs/provisioner.pem"),
      'PUPPET_KEY'  => pick($key, "${ssl}/private_keys/provisioner.pem"),
      'PUPPET_CA'   => pick($ca, "${ssl}/certs/ca.pem"),
    },
  }

  # What was not said otherwise is made by the CA, which may come up after us: the loop waits for it.
  $said = { 'PUPPET_CERT' => $cert, 'PUPPET_KEY' => $key, 'PUPPET_CA' => $ca }
  $awaited = $papers.filter |$entry| { $said[$entry[0]] =~ Undef }.values

  rolecall::environment { 'provisioner':
    ensure    => $ensure,
    password  => $rolecall::provisioner_password,
    variables => { 'ROLECALL_SITE' => $rolecall::site } + $asked + $papers + $environment,
  }
  file { '/usr/local/bin/provisioner':
    ensure  => stdlib::ensure($ensure, 'file'),
    owner   => 'root',
    group   => 'root',
    mode    => '0755',
    content => epp('rolecall/provisioner.sh.epp'),
  }
  rolecall::unit { $unit:
    ensure  => $ensure,
    content => epp('rolecall/provisioner.service.epp', {
        'interval' => $interval,
        'metrics'  => $metrics,
        'awaited'  => $awaited,
    }),
  }

  $running = $ensure == 'present' and $loop
  service { $unit:
    ensure => stdlib::ensure($running, 'service'),
    enable => $running,
  }
  if $ensure == 'present' {
    Exec['rolecall: systemctl daemon-reload'] -> Service[$unit]
    [Class['rolecall::install'], Rolecall::Environment['provisioner'], Rolecall::Unit[$unit]] ~> Service[$unit]
  } else {
    Service[$unit] -> [Rolecall::Unit[$unit], Class['rolecall::install']]
  }
}
