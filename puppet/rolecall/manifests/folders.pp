# @summary The folders that several classes put something into.
#
# @api private
class rolecall::folders {
  assert_private()

  file { ['/etc/rolecall', '/opt/rolecall', '/opt/rolecall/bin']:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }

  # What units run before they start something.
  file { '/opt/rolecall/bin/check-start':
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
    source => 'puppet:///modules/rolecall/check-start',
  }
}
