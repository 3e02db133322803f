# @summary The settings of what the puppetserver runs of ours: what stands in enc.conf.
#
# @api private
#
# @return Key and value, without those that are not set.
function rolecall::puppetserver::settings() >> Hash[String[1], Hash] {
  $server = {
    'url'           => $rolecall::puppetserver::url.join(' '),
    'timeout'       => $rolecall::puppetserver::timeout,
    'cache'         => $rolecall::puppetserver::cache,
    'cache_max_age' => $rolecall::puppetserver::cache_max_age,
    'spool'         => $rolecall::puppetserver::spool,
    'spool_limit'   => $rolecall::puppetserver::spool_limit,
  }
  # The certificate that the agent of this machine has is one that the front knows.
  $ssl = rolecall::layout()['ssldir']
  $own = "${facts['clientcert']}.pem"
  $secure = $rolecall::puppetserver::url.any |$url| { $url =~ /\Ahttps:/ }
  $papers = $secure ? {
    true    => {
      'cert' => pick($rolecall::puppetserver::cert, "${ssl}/certs/${own}"),
      'key'  => pick($rolecall::puppetserver::key, "${ssl}/private_keys/${own}"),
      'ca'   => pick($rolecall::puppetserver::ca, "${ssl}/certs/ca.pem"),
    },
    default => {},
  }
  $settings = { 'settings' => $server + $papers }
  $settings
}
