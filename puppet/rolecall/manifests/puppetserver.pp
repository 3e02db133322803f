# @summary Lets the puppetserver of this machine ask rolecall who a node is, which certificate requests
#   are ours, and tell it of each run.
#
# What the site has in puppet.conf, puppetserver.conf, webserver.conf and auth.conf stays, but for the
# settings that are needed; with `ensure => absent` those are what they were before. Who classifies and who
# signs is the site's own choice until `classifier` and `signing` say otherwise.
#
# @example The puppetserver, the service and a Redis on one machine
#   include rolecall::redis
#   include rolecall::service
#   include rolecall::puppetserver
#
# @example The switch, once rolecall knows every node: it classifies and signs
#   class { 'rolecall::puppetserver':
#     classifier => terminus,
#     signing    => true,
#   }
#
# @example A further puppetserver, which asks the front of another machine
#   class { 'rolecall::puppetserver':
#     url        => ['https://puppet.example:8141'],
#     classifier => terminus,
#     signing    => true,
#   }
#
# @param ensure
#   `absent` puts the puppetserver's settings back to what the site had. One that runs is restarted, if they
#   changed; nothing is installed or started.
# @param classifier
#   How nodes are classified: by `terminus`, in the puppetserver's own process, by the `script` enc, which
#   is started for each look-up, or as the site has it (`none`). With the first two, a node that rolecall does
#   not know gets no catalogue.
# @param signing
#   Whether rolecall says which certificate requests are signed; if not, the site's own `autosign` stays.
# @param reports
#   Whether rolecall is told of each run, beside the report processors that the site has.
# @param url
#   Where the service is: tried in this order.
# @param cert
#   For `https://`: the certificate to show; left out, the one that the agent of this machine has.
# @param key
#   The certificate's key, without a passphrase, which the puppetserver's user can read.
# @param ca
#   The certificate of the authority that signed the service's.
# @param timeout
#   How many seconds a look-up takes at most, whatever the service does.
# @param cache
#   The folder for the last right answers, which are given while there is no service.
# @param cache_max_age
#   Older answers are not given.
# @param spool
#   The folder in which reports wait for the service.
# @param spool_limit
#   How many MiB of reports wait at most; then the oldest are deleted.
# @param manage_auth
#   Whether auth.conf is to keep the CA's routes and pending requests for the provisioner.
# @param provisioner
#   The name in the provisioner's certificate.
# @param ca_clients
#   Who else may use the CA's routes, beside those whom the site's own rules let in.
# @param behind_balancer
#   Whether `rolecall::balancer` on this machine takes the connections, and this puppetserver listens on
#   loopback alone.
# @param port
#   Behind the balancer: where this puppetserver listens, on loopback.
# @param manage_package
#   Whether to install the puppetserver. Only where there is none: the class is for a puppetserver that is there.
# @param package
#   The package to install. Left out: the distribution's `puppetserver`, where the agent is the distribution's. Beside
#   an agent of Puppet's or OpenVox's own packages it has to be said: `puppetserver` or `openvox-server`, of which the
#   wrong one would take the agent away.
# @param manage_service
#   Whether the puppetserver is to run. Where the site has the service in its catalogue, that one is told
#   of new settings, and this says nothing.
# @param service
#   The puppetserver's service.
# @param user
#   The user and group that the puppetserver runs as.
class rolecall::puppetserver (
  Enum['terminus', 'script', 'none'] $classifier,
  Boolean                            $signing,
  Boolean                            $reports,
  Array[Rolecall::Url, 1]            $url,
  Variant[Integer[1, 300], Float[0.1, 300]] $timeout,
  Stdlib::Absolutepath               $cache,
  Rolecall::Duration                 $cache_max_age,
  Stdlib::Absolutepath               $spool,
  Integer[1, 9999999]                $spool_limit,
  Boolean                            $manage_auth,
  Rolecall::Certname                 $provisioner,
  Array[Rolecall::Certname]          $ca_clients,
  Boolean                            $behind_balancer,
  Stdlib::Port::Unprivileged         $port,
  Boolean                            $manage_package,
  Boolean                            $manage_service,
  String[1]                          $service,
  String[1]                          $user,
  Optional[Enum['puppetserver', 'openvox-server']] $package = undef,
  Optional[Stdlib::Absolutepath]     $cert    = undef,
  Optional[Stdlib::Absolutepath]     $key     = undef,
  Optional[Stdlib::Absolutepath]     $ca      = undef,
  Rolecall::Ensure                   $ensure  = 'present',
) {
  $layout = rolecall::layout()

  contain rolecall::puppetserver::files
  contain rolecall::puppetserver::shipper
  contain rolecall::puppetserver::config
  if $behind_balancer and $ensure == 'present' {
    rolecall::puppetserver::backend { 'puppetserver':
      port => $port,
      what => 'rolecall::puppetserver',
    }
  }

  rolecall::puppetserver::daemon { $service:
    ensure => $ensure,
    manage => $manage_service,
  }
  # The site's own, too.
  Class['rolecall::puppetserver::config'] ~> Rolecall::Puppetserver::Daemon[$service]
  Class['rolecall::puppetserver::config'] ~> Service <| title == $service |>
  Package <| title == 'puppetserver' or title == 'openvox-server' |> -> Class['rolecall::puppetserver::config']

  # Both want agents' port, one after the other: who leaves it goes first.
  if $behind_balancer and $ensure == 'present' {
    Service <| title == $service |> -> Service <| title == 'rolecall-balancer.service' |>
  } else {
    Service <| title == 'rolecall-balancer.service' |> -> Rolecall::Puppetserver::Daemon[$service]
    Service <| title == 'rolecall-balancer.service' |> -> Service <| title == $service |>
  }

  if $ensure == 'present' {
    if $manage_package {
      rolecall::packages { 'puppetserver':
        packages => [rolecall::puppetserver::package()],
      }
    }
    Package <| title == 'puppetserver' or title == 'openvox-server' |> -> Class['rolecall::puppetserver::files']
    Class['rolecall::puppetserver::files'] -> Class['rolecall::puppetserver::config']
    Class['rolecall::puppetserver::files'] ~> Class['rolecall::puppetserver::shipper']
    # Scripts and enc.conf are read each time. A restart keeps agents waiting for a minute.
    File <| tag == 'rolecall_ruby' |> ~> Service <| title == $service |>
  } else {
    # The puppetserver asks nobody any more before what it asked with is gone.
    Rolecall::Puppetserver::Daemon[$service] -> Class['rolecall::puppetserver::shipper']
    Service <| title == $service |> -> Class['rolecall::puppetserver::shipper']
    Class['rolecall::puppetserver::shipper'] -> Class['rolecall::puppetserver::files']
  }
}
