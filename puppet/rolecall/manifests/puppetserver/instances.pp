# @summary The unit that all further puppetservers of this machine are instances of.
#
# @api private
class rolecall::puppetserver::instances {
  assert_private()
  include rolecall::folders

  $layout = rolecall::layout()
  $user = $rolecall::puppetserver::user
  # A file that the site has added is not shared: webserver.conf and puppetserver.conf are each one's own.
  $shared = ['auth.conf', 'ca.conf', 'metrics.conf', 'web-routes.conf'].map |$file| {
    "${layout['serverdir']}/conf.d/${file}"
  }

  rolecall::unit { 'rolecall-puppetserver@.service':
    ensure  => $rolecall::puppetserver::ensure,
    content => epp('rolecall/instance/unit.epp', {
        'user'   => $user,
        'layout' => $layout,
        'shared' => $shared,
    }),
  }
  file { '/etc/rolecall/puppetserver':
    ensure => stdlib::ensure($rolecall::puppetserver::ensure, 'directory'),
    force  => true,
    owner  => 'root',
    group  => $user,
    mode   => '0750',
  }
  file { '/var/log/rolecall-puppetserver':
    ensure => directory,
    owner  => $user,
    group  => $user,
    mode   => '0750',
  }
}
