# @summary The settings in the site's own files that the puppetserver needs for rolecall.
#
# @api private
class rolecall::puppetserver::config {
  assert_private()
  include rolecall::folders

  $layout = $rolecall::puppetserver::layout
  $wanted = $rolecall::puppetserver::ensure == 'present'
  $classifier = $rolecall::puppetserver::classifier
  $front = $rolecall::puppetserver::behind_balancer
  $terminus = $classifier ? {
    'script' => 'exec',
    default  => 'rolecall',
  }
  $puppet_conf = "${layout['confdir']}/puppet.conf"
  $conf_d = "${layout['serverdir']}/conf.d"

  Rolecall_setting {
    require => File['/etc/rolecall'],
  }

  rolecall_setting {
    default:
      path    => $puppet_conf,
      section => 'server',
      ;
    'puppet.conf node_terminus':
      ensure  => rolecall::ensure($wanted and $classifier != 'none'),
      setting => 'node_terminus',
      value   => $terminus,
      ;
    'puppet.conf external_nodes':
      ensure  => rolecall::ensure($wanted and $classifier == 'script'),
      setting => 'external_nodes',
      value   => '/opt/rolecall/bin/enc',
      ;
    'puppet.conf autosign':
      ensure  => rolecall::ensure($wanted and $rolecall::puppetserver::signing),
      setting => 'autosign',
      value   => '/opt/rolecall/bin/autosign',
      ;
    'puppet.conf reports':
      ensure    => rolecall::ensure($wanted and $rolecall::puppetserver::reports),
      setting   => 'reports',
      item      => 'rolecall',
      otherwise => 'store',
      ;
  }

  rolecall_setting { 'puppetserver.conf ruby-load-path':
    ensure  => rolecall::ensure($wanted),
    path    => "${conf_d}/puppetserver.conf",
    setting => 'jruby-puppet.ruby-load-path',
    item    => '/opt/rolecall/ruby',
  }

  rolecall_setting {
    default:
      path => "${conf_d}/webserver.conf",
      ;
    # With TLS 1.3 the agent's first run waits for Jetty's idle time-out, 30 s: Ruby's Net::HTTP waits
    # for a session ticket that comes late.
    'webserver.conf ssl-protocols':
      ensure  => rolecall::ensure($wanted and !$front),
      setting => 'webserver.ssl-protocols',
      value   => '[TLSv1.2]',
      ;
    'webserver.conf host':
      ensure  => rolecall::ensure($wanted and $front),
      setting => 'webserver.host',
      value   => '"127.0.0.1"',
      ;
    'webserver.conf port':
      ensure  => rolecall::ensure($wanted and $front),
      setting => 'webserver.port',
      value   => String($rolecall::puppetserver::port),
      ;
    'webserver.conf ssl-host':
      ensure  => rolecall::ensure($wanted and $front),
      setting => 'webserver.ssl-host',
      gone    => true,
      ;
    'webserver.conf ssl-port':
      ensure  => rolecall::ensure($wanted and $front),
      setting => 'webserver.ssl-port',
      gone    => true,
      ;
  }

  # Safe only on loopback: whoever reaches the port could say who they are. So it is
  # the last to come, if all of the others did, and the first to go.
  rolecall_setting { 'auth.conf allow-header-cert-info':
    ensure  => rolecall::ensure($wanted and $front),
    path    => "${conf_d}/auth.conf",
    setting => 'authorization.allow-header-cert-info',
    value   => 'true',
  }
  $listens = ['host', 'port', 'ssl-host', 'ssl-port'].map |$name| { Rolecall_setting["webserver.conf ${name}"] }
  if $wanted and $front {
    $listens -> Rolecall_setting['auth.conf allow-header-cert-info']
  } else {
    Rolecall_setting['auth.conf allow-header-cert-info'] -> $listens
  }

  rolecall_auth_rules { "${conf_d}/auth.conf":
    ensure      => rolecall::ensure($wanted and $rolecall::puppetserver::manage_auth),
    provisioner => $rolecall::puppetserver::provisioner,
    also        => $rolecall::puppetserver::ca_clients,
    require     => File['/etc/rolecall'],
  }
}
