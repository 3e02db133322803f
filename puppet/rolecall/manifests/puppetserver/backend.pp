# @summary This puppetserver is one of those behind the balancer of this machine.
#
# @api private
class rolecall::puppetserver::backend {
  assert_private()
  include rolecall::balancer

  $own = "127.0.0.1:${rolecall::puppetserver::port}"
  unless $own in $rolecall::balancer::backends {
    fail("rolecall::balancer::backends has no ${own}, where this puppetserver listens (rolecall::puppetserver::port): add it") # lint:ignore:140chars
  }
}
