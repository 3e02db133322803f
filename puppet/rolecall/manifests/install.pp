# @summary The user and the virtual environment of rolecall's programs.
#
# @api private
class rolecall::install {
  assert_private()
  include rolecall::folders

  $venv = '/opt/rolecall/venv'
  # What is installed. It is written last: a run that died half-way is made up for by the next one.
  $stamp = "${venv}/installed"
  $what = shell_escape($rolecall::wheel.lest || { '' })
  # What it runs on: it does not move to another Python by itself.
  $mark = "${venv}/interpreter"
  $python = shell_escape($rolecall::python)
  $index = $rolecall::wheelhouse ? {
    undef   => '',
    default => "--no-index --find-links ${shell_escape($rolecall::wheelhouse)} ",
  }
  $pip = "${venv}/bin/pip install --quiet --disable-pip-version-check ${index}"
  # A wheel of this machine is told by what is in it, even where its version is the old one.
  [$current, $install] = $rolecall::wheel ? {
    Stdlib::Absolutepath => ["sha256sum ${what}", "${pip}${what} && ${pip}--no-deps --force-reinstall ${what}"],
    default              => ["echo ${what}", "${pip}--upgrade ${what}"],
  }

  if $rolecall::ensure == 'present' {
    rolecall::packages { 'programs':
      packages => $rolecall::python_packages,
    }
    $installed = $rolecall::python_packages.map |$package| { Package[$package] }

    group { 'rolecall':
      ensure => present,
      system => true,
    }
    -> user { 'rolecall':
      ensure     => present,
      comment    => 'rolecall',
      gid        => 'rolecall',
      home       => '/nonexistent',
      managehome => false,
      shell      => '/usr/sbin/nologin',
      system     => true,
    }

    # Made anew for another Python, and where it is broken, as after an upgrade of the system's. Others
    # than root run it, whatever root's umask is.
    exec { 'rolecall: virtual environment':
      command  => "${python} -m venv --clear ${venv} && echo ${python} > ${mark}",
      unless   => "echo ${python} | cmp --silent - ${mark} && ${venv}/bin/python -c 'import pip'",
      path     => ['/usr/bin', '/bin'],
      provider => shell,
      umask    => '0022',
      require  => [File['/opt/rolecall']] + $installed,
    }
    -> exec { 'rolecall: install':
      command  => "${install} && ${current} > ${stamp}",
      unless   => "${current} | cmp --silent - ${stamp}",
      path     => ['/usr/bin', '/bin'],
      provider => shell,
      timeout  => 900,
      umask    => '0022',
      require  => User['rolecall'],
    }
  } else {
    # Thousands of files: Puppet would look at each.
    exec { 'rolecall: remove the virtual environment':
      command => "rm -rf ${venv}",
      onlyif  => "test -e ${venv}",
      path    => ['/usr/bin', '/bin'],
    }
    # No copy of passwords stays behind.
    file { '/etc/rolecall/secrets':
      ensure => absent,
      force  => true,
      backup => false,
    }
    user { 'rolecall':
      ensure  => absent,
      require => Exec['rolecall: remove the virtual environment'],
    }
    -> group { 'rolecall':
      ensure => absent,
    }
  }
}
