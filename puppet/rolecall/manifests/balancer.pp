# @summary The front: an Apache of rolecall's own, before the puppetservers and the ENC service.
#
# On 8140 it speaks Puppet's TLS, tells the puppetservers behind it who each client is, and shares the
# requests between them; the CA's go to one. On 8141 it is the way to the ENC service: for puppetservers of
# other machines, which may look up, ask about certificate requests and report, for tools, which may ask
# which nodes there are, and for people.
#
# The Apache of the site, if it has one, is left alone: this one has a unit and a configuration of its own,
# `rolecall-balancer.service`. A certificate that is revoked is out within `reload_every` seconds and a few:
# when the CA's list changes, the balancer is reloaded.
#
# @example Two puppetservers of this machine, one of another, and people with a password
#   class { 'rolecall::balancer':
#     backends      => ['127.0.0.1:8150', '127.0.0.1:8151'],
#     puppetservers => ['puppet2.example'],
#     login         => { 'htpasswd' => '/etc/rolecall/people' },
#   }
#
# @param ensure
#   `absent` stops it and takes its units and settings away.
# @param puppet_port
#   For agents.
# @param enc_port
#   For puppetservers of other machines, for tools, and for people.
# @param backends
#   Where the puppetservers listen, on loopback; none: then nothing is at `puppet_port`.
# @param ca_backend
#   The one of them that has the CA; left out, the first.
# @param puppetservers
#   The names in the certificates of other machines' puppetservers, which may use the ENC service.
# @param tools
#   The names in the certificates, of Puppet's CA, of Prometheus, Ansible and the like, which may read `/v1/discovery/` and
#   `/metrics`; people may as well.
# @param login
#   How people are known, who may see pages and API: by `certificates`, names in certificates of Puppet's CA;
#   by `htpasswd`, a file of Apache's, which `user` can read; or by `config`, directives of the site's for whatever Apache module it
#   uses, with `modules`, the lines that load it. Left out: nobody is.
# @param certificate
#   What the balancer shows; left out, the certificate that the agent of this machine has.
# @param key
#   The certificate's key.
# @param ca
#   The certificates of Puppet's CA; left out, those in the CA's folder.
# @param crl
#   The lists of revoked certificates; left out, those in the CA's folder, which the CA writes.
# @param reload_every
#   How many seconds lie between two reloads for the sake of the list, at least.
# @param packages
#   The packages that bring Apache.
# @param program
#   Apache.
# @param modules
#   The folder of its modules.
# @param user
#   The user and group that its workers run as. Left out: `rolecall-front`, which is made. Whatever runs as this user may ask the
#   service as anybody, so let it not be the one of another web server.
class rolecall::balancer (
  Integer[1, 65535]              $puppet_port,
  Integer[1, 65535]              $enc_port,
  Array[Rolecall::Backend]       $backends,
  Array[Rolecall::Certname]      $puppetservers,
  Array[Rolecall::Certname]      $tools,
  Array[String[1]]               $packages,
  Stdlib::Absolutepath           $program,
  Stdlib::Absolutepath           $modules,
  String[1]                      $user,
  Integer[1, 3600]               $reload_every,
  Optional[Rolecall::Backend]    $ca_backend  = undef,
  Optional[Rolecall::Login]      $login       = undef,
  Optional[Stdlib::Absolutepath] $certificate = undef,
  Optional[Stdlib::Absolutepath] $key         = undef,
  Optional[Stdlib::Absolutepath] $ca          = undef,
  Optional[Stdlib::Absolutepath] $crl         = undef,
  Rolecall::Ensure               $ensure      = 'present',
) {
  include rolecall::folders

  $balancer = 'rolecall-balancer.service'
  $watcher = 'rolecall-watch-crl.service'
  $values = rolecall::balancer::values()

  if $ca_backend and !($ca_backend in $backends) {
    fail("rolecall::balancer::ca_backend is ${ca_backend}, which is not one of rolecall::balancer::backends: ${backends.join(', ')}")
  }
  if $puppet_port == $enc_port {
    fail("rolecall::balancer::puppet_port and rolecall::balancer::enc_port are both ${enc_port}: choose two")
  }

  if $backends.unique != $backends {
    fail("rolecall::balancer::backends names one twice: ${backends.join(', ')}")
  }
  $own = $backends.filter |$backend| { Integer($backend.split(':')[-1]) in [$puppet_port, $enc_port] }
  unless $own.empty {
    fail("rolecall::balancer::backends has ${own[0]}, which is a port of the balancer's: let the puppetserver listen elsewhere")
  }

  rolecall::socket { 'front':
    ensure => $ensure,
    group  => $user,
  }
  rolecall::unit { $balancer:
    ensure  => $ensure,
    content => epp('rolecall/balancer/unit.epp', { 'values' => $values }),
  }
  rolecall::unit { $watcher:
    ensure  => $ensure,
    content => epp('rolecall/balancer/watcher.epp', { 'crl' => $values['crl'], 'every' => $reload_every }),
  }
  file {
    default:
      owner => 'root',
      group => 'root',
      ;
    '/etc/rolecall/balancer.conf':
      ensure  => stdlib::ensure($ensure, 'file'),
      mode    => '0600',
      content => epp('rolecall/balancer/apache.epp', { 'values' => $values }),
      ;
    '/etc/logrotate.d/rolecall-balancer':
      ensure  => stdlib::ensure($ensure, 'file'),
      mode    => '0644',
      content => epp('rolecall/balancer/logrotate.epp', { 'logs' => $values['logs'] }),
      ;
    '/opt/rolecall/bin/watch-crl':
      ensure => stdlib::ensure($ensure, 'file'),
      mode   => '0755',
      source => 'puppet:///modules/rolecall/watch-crl',
      ;
  }

  # One that the site names is the site's.
  if $user == 'rolecall-front' {
    group { $user:
      ensure => $ensure,
      system => true,
    }
    user { $user:
      ensure     => $ensure,
      comment    => 'rolecall, the front',
      gid        => $user,
      home       => '/nonexistent',
      managehome => false,
      shell      => '/usr/sbin/nologin',
      system     => true,
    }
    if $ensure == 'present' {
      Group[$user] -> User[$user] -> Service['rolecall-front.socket', $balancer]
    } else {
      Service['rolecall-front.socket', $balancer] -> User[$user] -> Group[$user]
    }
  }

  if $ensure == 'present' {
    rolecall::packages { 'balancer':
      packages => $packages,
    }
    $installed = $packages.map |$package| { Package[$package] }
    $why = "journalctl --unit=${balancer} --no-pager --output=cat --lines=10"
    service {
      default:
        ensure  => running,
        enable  => true,
        require => [Exec['rolecall: systemctl daemon-reload'], File['/opt/rolecall/bin/check-start']] + $installed,
        ;
      # Requests that run are answered, and the ports stay open.
      $balancer:
        restart => "systemctl reload-or-restart ${balancer} || { ${why}; false; }",
        ;
      $watcher:
        ;
    }
    [File['/etc/rolecall/balancer.conf'], Rolecall::Unit[$balancer]] ~> Service[$balancer]
    [File['/opt/rolecall/bin/watch-crl'], Rolecall::Unit[$watcher]] ~> Service[$watcher]
    Service[$balancer] -> Service[$watcher]
    # Its workers' group may be the packages'.
    $installed -> Service['rolecall-front.socket']
  } else {
    service { [$watcher, $balancer]:
      ensure => stopped,
      enable => false,
      before => [Rolecall::Unit[$balancer], Rolecall::Unit[$watcher], File['/etc/rolecall/balancer.conf']],
    }
  }
}
