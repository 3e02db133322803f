# @summary A further puppetserver on this machine, behind its balancer.
#
# It compiles catalogues and has no CA. It shares all but its port, its run folder and its logs with the
# machine's own puppetserver: settings, environments, certificates. Each is started and stopped by itself:
# `systemctl stop rolecall-puppetserver@NAME`.
#
# @example Two puppetservers behind one Apache
#   class { 'rolecall::balancer':
#     backends => ['127.0.0.1:8150', '127.0.0.1:8151'],
#   }
#   class { 'rolecall::puppetserver':
#     behind_balancer => true,
#   }
#   rolecall::puppetserver::instance { 'two':
#     port => 8151,
#   }
#
# @param port
#   Where it listens, on loopback.
# @param ensure
#   `absent` stops it and takes its settings away; its logs stay.
# @param java_args
#   For its JVM; left out, as the machine's own puppetserver has them in its defaults file.
define rolecall::puppetserver::instance (
  Stdlib::Port::Unprivileged $port,
  Rolecall::Ensure           $ensure    = 'present',
  Optional[Pattern[/\A[^\n\r\0]+\z/]] $java_args = undef,
) {
  unless $name =~ /\A[a-z0-9][a-z0-9_-]{0,30}\z/ {
    fail("rolecall::puppetserver::instance ${name}: a name has 1 to 31 of a-z 0-9 _ -, a letter or digit first")
  }
  include rolecall::puppetserver
  include rolecall::puppetserver::instances

  $unit = "rolecall-puppetserver@${name}.service"
  $folder = "/etc/rolecall/puppetserver/${name}"
  $user = $rolecall::puppetserver::user
  $layout = rolecall::layout()
  $values = {
    'name'      => $name,
    'port'      => $port,
    'serverdir' => $layout['serverdir'],
    'folder'    => $folder,
    'logs'      => "/var/log/rolecall-puppetserver/${name}",
    'java_args' => $java_args,
  }

  if $ensure == 'present' {
    if $rolecall::puppetserver::ensure != 'present' {
      fail("rolecall::puppetserver::instance ${name}: rolecall::puppetserver is absent, whose settings it shares: let this one be absent, too") # lint:ignore:140chars
    }
    if $port == $rolecall::puppetserver::port {
      fail("rolecall::puppetserver::instance ${name}: port ${port} is the machine's own puppetserver's: choose another one")
    }
    rolecall::puppetserver::backend { "instance ${name}":
      port => $port,
      what => "rolecall::puppetserver::instance ${name}",
    }
  }
  file { [$folder, "${folder}/conf.d", "${folder}/services.d"]:
    ensure => stdlib::ensure($ensure, 'directory'),
    owner  => 'root',
    group  => $user,
    mode   => '0750',
    force  => true,
  }
  $files = {
    'conf.d/puppetserver.conf' => 'puppetserver.conf',
    'conf.d/webserver.conf'    => 'webserver.conf',
    'conf.d/global.conf'       => 'global.conf',
    'services.d/ca.cfg'        => 'ca.cfg',
    'logback.xml'              => 'logback.xml',
    'request-logging.xml'      => 'request-logging.xml',
    'environment'              => 'environment',
  }
  $files.each |$path, $template| {
    file { "${folder}/${path}":
      ensure  => stdlib::ensure($ensure, 'file'),
      owner   => 'root',
      group   => $user,
      mode    => '0640',
      content => epp("rolecall/instance/${template}.epp", $values),
    }
  }

  service { $unit:
    ensure => stdlib::ensure($ensure, 'service'),
    enable => $ensure == 'present',
  }
  if $ensure == 'present' {
    $files.keys.each |$path| { File["${folder}/${path}"] ~> Service[$unit] }
    [Class['rolecall::puppetserver::config'], Class['rolecall::puppetserver::instances']] ~> Service[$unit]
    File <| tag == 'rolecall_ruby' |> ~> Service[$unit]
    # One JVM after the other: each takes all of a core while it starts. And the first makes the CA.
    Service <| title == $rolecall::puppetserver::service |> -> Service[$unit]
    File['/opt/rolecall/bin/check-start'] -> Service[$unit]
  } else {
    Service[$unit] -> [File[$folder], Class['rolecall::puppetserver::instances']]
  }
}
