# @summary What the puppetserver runs and reads of ours, and where it writes.
#
# @api private
class rolecall::puppetserver::files {
  assert_private()
  include rolecall::folders

  $ensure = $rolecall::puppetserver::ensure
  $user = $rolecall::puppetserver::user
  $folder = stdlib::ensure($ensure, 'directory')
  $file = stdlib::ensure($ensure, 'file')

  file { '/etc/rolecall/enc.conf':
    ensure  => $file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('rolecall/enc.conf.epp', rolecall::puppetserver::settings()),
  }

  # What their first lines name: nothing else of rolecall's need be on this machine.
  if $ensure == 'present' {
    rolecall::packages { 'scripts':
      packages => ['python3'],
    }
    Package['python3'] -> Class['rolecall::puppetserver::config']
  }
  ['enc', 'autosign', 'ship-reports'].each |$script| {
    file { "/opt/rolecall/bin/${script}":
      ensure => $file,
      owner  => 'root',
      group  => 'root',
      mode   => '0755',
      source => "puppet:///modules/rolecall/${script}",
    }
  }

  # Apart from the agent's own copy, which goes with the environment that the agent is in. One by one:
  # the mount point plugins has the files of all modules.
  $folders = [
    '', '/puppet', '/puppet/indirector', '/puppet/indirector/node', '/puppet/reports',
    '/puppet_x', '/puppet_x/rolecall', '/puppet_x/rolecall/lookup',
  ]
  $below = $folders.map |$name| { "/opt/rolecall/ruby${name}" }
  file { $below:
    ensure => $folder,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
    force  => true,
  }
  lookup('rolecall::puppetserver::ruby', Array[String[1]]).each |$ruby| {
    file { "/opt/rolecall/ruby/${ruby}":
      ensure => $file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      tag    => 'rolecall_ruby',
      source => "puppet:///plugins/${ruby}", # lint:ignore:puppet_url_without_modules
    }
  }

  # Answers and reports are the puppetserver's: they stay when rolecall goes.
  if $ensure == 'present' {
    $kept = [$rolecall::puppetserver::cache, '/var/lib/rolecall', $rolecall::puppetserver::spool].unique
    file { $kept:
      ensure => directory,
      owner  => $user,
      group  => $user,
      mode   => '0750',
    }
  }
}
