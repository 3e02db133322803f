# @summary What the service tells PowerDNS: the zones, and who serves them. `docs/dns.md` of rolecall says more.
#
# `zones` hold a name for every node and role. `servers` are the zones' name servers; one that is in a zone
# itself stands with its address: `ns1.fleet.example=10.0.0.53`. `networks` have their addresses answered.
# `hostmaster` is a mail address, `ttl` the seconds that a resolver may keep an answer. At 127.0.0.1 and
# `port` (8053) PowerDNS, and nothing else, is answered.
type Rolecall::Dns = Struct[{
  'zones'                => Array[Stdlib::Fqdn, 1],
  'servers'              => Array[Pattern[/\A[A-Za-z0-9.-]+(=[0-9A-Fa-f.:]+)?\z/], 1],
  Optional['networks']   => Array[Pattern[/\A[0-9A-Fa-f.:]+\/[0-9]{1,3}\z/]],
  Optional['hostmaster'] => Pattern[/\A[^@\s]+@[A-Za-z0-9.-]+\z/],
  Optional['ttl']        => Integer[1, 3600],
  Optional['port']       => Stdlib::Port::Unprivileged,
}]
