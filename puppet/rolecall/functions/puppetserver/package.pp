# @summary The puppetserver's package, where it is to be installed.
#
# Puppet's server and OpenVox' each conflict with the other's agent, and apt takes away what conflicts.
#
# @api private
#
# @return Its name.
function rolecall::puppetserver::package() >> String[1] {
  if $rolecall::puppetserver::package {
    $rolecall::puppetserver::package
  } elsif $facts['aio_agent_version'] {
    fail('rolecall::puppetserver::manage_package: this machine has an agent of Puppet\'s or OpenVox\' own packages; say which server belongs to it, in rolecall::puppetserver::package: puppetserver or openvox-server') # lint:ignore:140chars
  } else {
    'puppetserver'
  }
}
