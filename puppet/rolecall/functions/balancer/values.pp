# @summary What the balancer's configuration is made of.
#
# @api private
#
# @return The class' parameters, with what was left out filled in.
function rolecall::balancer::values() >> Hash[String[1], Any] {
  $layout = rolecall::layout()
  $own = "${facts['clientcert']}.pem"
  $values = {
    'puppet_port'   => $rolecall::balancer::puppet_port,
    'enc_port'      => $rolecall::balancer::enc_port,
    'backends'      => $rolecall::balancer::backends,
    'ca_backend'    => pick_default($rolecall::balancer::ca_backend, $rolecall::balancer::backends[0]),
    'puppetservers' => $rolecall::balancer::puppetservers,
    'tools'         => $rolecall::balancer::tools,
    'login'         => pick($rolecall::balancer::login, {}),
    'certificate'   => pick($rolecall::balancer::certificate, "${layout['ssldir']}/certs/${own}"),
    'key'           => pick($rolecall::balancer::key, "${layout['ssldir']}/private_keys/${own}"),
    'ca'            => pick($rolecall::balancer::ca, "${layout['cadir']}/ca_crt.pem"),
    'crl'           => pick($rolecall::balancer::crl, "${layout['cadir']}/ca_crl.pem"),
    'program'       => $rolecall::balancer::program,
    'modules'       => $rolecall::balancer::modules,
    'user'          => $rolecall::balancer::user,
    'run'           => '/run/rolecall-balancer',
    'logs'          => '/var/log/rolecall-balancer',
    'socket'        => '/run/rolecall/front.sock',
    'name'          => $facts['networking']['fqdn'],
    'address'       => '',
    # What the service takes from puppetservers of other machines, as it writes the paths itself.
    'routes'        => {
      '^/v1/enc/[a-z0-9][a-z0-9._-]*$'      => 'GET',
      '^/v1/autosign/[a-z0-9][a-z0-9._-]*$' => 'POST',
      '^/v1/reports$'                       => 'POST',
    },
  }
  $values
}
