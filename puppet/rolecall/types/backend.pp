# @summary Where a puppetserver listens behind the balancer: `127.0.0.1:8150`.
#
# On loopback alone: who each client is, is told to it in headers, over plain HTTP.
type Rolecall::Backend = Pattern[/\A(127(\.[0-9]{1,3}){3}|\[::1\]):[1-9][0-9]{0,4}\z/]
