# @summary Checks that the balancer of this machine knows the puppetserver that listens at a port.
#
# A defined type is evaluated after all classes, in whatever order the site declares them.
#
# @api private
#
# @param port
#   Where the puppetserver listens, on loopback.
# @param what
#   What has that port, for people.
define rolecall::puppetserver::backend (
  Integer[1, 65535] $port,
  String[1]         $what,
) {
  assert_private()

  unless defined(Class['rolecall::balancer']) and $rolecall::balancer::ensure == 'present' {
    fail("${what} listens on loopback, behind the balancer, and there is none: declare the class rolecall::balancer, or set rolecall::puppetserver::behind_balancer to false") # lint:ignore:140chars
  }
  unless "127.0.0.1:${port}" in $rolecall::balancer::backends {
    fail("rolecall::balancer::backends has no 127.0.0.1:${port}, where ${what} listens: add it")
  }
  if $port in [$rolecall::balancer::puppet_port, $rolecall::balancer::enc_port] {
    fail("${what} has the port ${port}, which is the balancer's: choose another one")
  }
}
