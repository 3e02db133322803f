# @summary A Redis of rolecall's own on this machine.
#
# It listens on loopback, evicts nothing, keeps an append-only file, and knows one user for each
# program, which may do what the program does and nothing else. The system's own Redis is left alone:
# this one has a port, a folder and a unit of its own, `rolecall-redis.service`.
#
# The passwords are parameters of the class `rolecall`; left out, the machine makes them for itself, in
# `/etc/rolecall/secrets`. A change of users and passwords is taken over without a restart, by
# `rolecall-admin`, who may have them read again and nothing else.
#
# Valkey will do as well: name its package, programs, user and version.
#
# @example
#   include rolecall::redis
#
# @example Valkey on Debian 13
#   class { 'rolecall::redis':
#     package => 'valkey-server',
#     server  => '/usr/bin/valkey-server',
#     client  => '/usr/bin/valkey-cli',
#     user    => 'valkey',
#     version => '8.1',
#   }
#
# @param ensure
#   `absent` stops it and takes unit and settings away. Its data stay, in `folder`.
# @param port
#   Where it listens, on loopback. `rolecall::redis_url` says the same to the programs.
# @param package
#   The package that brings the programs.
# @param module_stream
#   On EL: the stream of the package's module.
# @param version
#   The version that the package has, at least: `6.2` is needed, and with `7.0` the service cannot change
#   what it only reads.
# @param server
#   The program.
# @param client
#   The one that talks to it.
# @param user
#   Who it runs as.
# @param folder
#   Where the data lie, below `/var/lib`.
# @param rules
#   Of each user, what it may do. Redis 6.2 cannot tell reading a key (`%R~`) from changing it, and knows no selectors (`(…)`): there
#   a user may do all that it may to all of its keys.
# @param reader_password
#   For people with `redis-cli --user rolecall-reader`, who see nodes, roles and events; redis-cli takes it from the variable
#   `REDISCLI_AUTH`. Left out: one that the machine makes for itself, in `/etc/rolecall/secrets/rolecall-reader`.
class rolecall::redis (
  Integer[1, 65535]              $port,
  String[1]                      $package,
  Pattern[/\A[0-9]+\.[0-9]+/]    $version,
  Stdlib::Absolutepath           $server,
  Stdlib::Absolutepath           $client,
  String[1]                      $user,
  Pattern[/\A\/var\/lib\/[A-Za-z0-9_.-]+\z/] $folder,
  Hash[String[1], Array[String[1], 1]]       $rules,
  Optional[String[1]]            $module_stream   = undef,
  Optional[Sensitive[String[1]]] $reader_password = undef,
  Rolecall::Ensure               $ensure          = 'present',
) {
  include rolecall::folders

  $unit = 'rolecall-redis.service'
  if $ensure == 'present' and versioncmp($version, '6.2') < 0 {
    fail("rolecall::redis: Redis 6.2 or later is needed, and the package ${package} of ${facts['os']['name']} ${facts['os']['release']['major']} has ${version}. Add a repository that has a later one, for instance packages.redis.io, and say so in rolecall::redis::version") # lint:ignore:140chars
  }
  rolecall::unit { $unit:
    ensure  => $ensure,
    content => epp('rolecall/redis.service.epp', {
        'server' => $server,
        'user'   => $user,
        'folder' => $folder,
        'port'   => $port,
    }),
  }

  if $ensure == 'present' {
    contain rolecall::redis::settings
    $asked = $rolecall::redis_url ? {
      /\Aredis:\/\/[^\/]*:([0-9]+)(\/|\z)/ => Integer($1, 10),
      /\Aredis:/                          => 6379,
      default                             => $port,
    }
    if $asked != $port {
      fail("rolecall::redis::port is ${port}, and the programs ask at port ${asked}, by rolecall::redis_url (${rolecall::redis_url}): let both say the same") # lint:ignore:140chars
    }
    Class['rolecall::redis::settings'] -> Service[$unit]
    [Package[$package], File['/etc/rolecall/redis.conf']] ~> Service[$unit]
    # Users and passwords are read again while it runs; one that does not know the user for that is restarted,
    # or that finds a mistake in the file: then its start says which.
    $login = 'REDISCLI_AUTH="$(cat /etc/rolecall/secrets/rolecall-admin)"'
    $load = "${client} -h 127.0.0.1 -p ${port} --user rolecall-admin acl load"
    exec { 'rolecall: Redis reads its users':
      command     => "${login} ${load} 2>&1 | grep --quiet --line-regexp OK || systemctl restart ${unit}",
      path        => ['/usr/local/bin', '/usr/bin', '/bin'],
      provider    => shell,
      refreshonly => true,
      subscribe   => File['/etc/rolecall/redis.acl'],
      require     => Service[$unit],
    }
    Exec['rolecall: Redis reads its users']
    -> Service <| title == 'rolecall-enc.service' or title == 'rolecall-provisioner.service' |>
    service { $unit:
      ensure    => running,
      enable    => true,
      subscribe => Rolecall::Unit[$unit],
      require   => [Exec['rolecall: systemctl daemon-reload'], File['/opt/rolecall/bin/check-start']],
    }
    Service[$unit] -> Service <| title == 'rolecall-enc.service' or title == 'rolecall-provisioner.service' |>
  } else {
    service { $unit:
      ensure => stopped,
      enable => false,
      before => Rolecall::Unit[$unit],
    }
    Service <| title == 'rolecall-enc.service' or title == 'rolecall-provisioner.service' |> -> Service[$unit]
    Service[$unit]
    -> file { ['/etc/rolecall/redis.conf', '/etc/rolecall/redis.acl']:
      ensure => absent,
    }
  }
}
