# @summary Where this machine's puppetserver has its files.
#
# The agent of Puppet's and OpenVox's own packages says its version; a distribution's does not.
#
# @return The folders, and how its JVM is started.
function rolecall::layout() >> Rolecall::Layout {
  $packaging = $facts['aio_agent_version'] ? {
    undef   => 'distribution',
    default => $facts['os']['family'] ? { 'RedHat' => 'puppetlabs-el', default => 'puppetlabs' },
  }
  lookup('rolecall::layouts', Hash[String[1], Rolecall::Layout])[$packaging]
}
