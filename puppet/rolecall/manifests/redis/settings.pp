# @summary What Redis of rolecall's own is installed from and told.
#
# @api private
class rolecall::redis::settings {
  assert_private()
  include rolecall

  if $rolecall::ensure == 'absent' {
    fail('rolecall::ensure is absent, and rolecall::redis, which it would take the passwords from, is present: let that be absent, too')
  }
  if $rolecall::redis::module_stream {
    package { "${rolecall::redis::package} ${rolecall::redis::module_stream}":
      ensure      => $rolecall::redis::module_stream,
      name        => $rolecall::redis::package,
      enable_only => true,
      provider    => 'dnfmodule',
      before      => Package[$rolecall::redis::package],
    }
  }
  rolecall::packages { 'redis':
    packages => [$rolecall::redis::package],
  }

  # Before 7.0 there is neither %R~ nor a selector: all that a user may do, it may do to all of its keys.
  $rules = versioncmp($rolecall::redis::version, '7') ? {
    -1      => $rolecall::redis::rules.map |$user, $words| { [$user, $words.regsubst('[()]|%R(?=~)', '', 'G')] }.convert_to(Hash),
    default => $rolecall::redis::rules,
  }
  $passwords = {
    'rolecall-service'     => $rolecall::service_password,
    'rolecall-provisioner' => $rolecall::provisioner_password,
    'rolecall-reader'      => $rolecall::redis::reader_password,
  }
  # Who may have Redis read that file again, and nothing else.
  $all = $rules + { 'rolecall-admin' => ['-@all', '+acl|load'] }
  file { '/etc/rolecall/redis.acl':
    ensure    => file,
    owner     => 'root',
    group     => $rolecall::redis::user,
    mode      => '0640',
    show_diff => false,
    content   => Deferred('rolecall::acl', [$all, $passwords]),
    require   => Package[$rolecall::redis::package],
  }
  file { '/etc/rolecall/redis.conf':
    ensure  => file,
    owner   => 'root',
    group   => $rolecall::redis::user,
    mode    => '0640',
    content => epp('rolecall/redis.conf.epp', {
        'port'   => $rolecall::redis::port,
        'folder' => $rolecall::redis::folder,
    }),
    require => Package[$rolecall::redis::package],
  }
}
