# Node definitions of every kind; every.json is what Puppet's parser makes of them.
$site = 'lyon'
$when = $facts['epoch']
Exec { path => '/bin' }

node 'web1.example.com', 'WEB2.example.com' {
  include role::web, ::ntp   # two in one
  include ['monitoring', 'role::extra']
}

node plain { include(role::web) }

node contained {
  contain role::web
  require ntp
  notice('hello { node fake { } }')
}

node parameters {
  $tier  = 'front'
  $label = "${tier} at ${site}"
  $port  = 0x1F90
  class { 'role::db':
    size    => 4,
    ratio   => 2.5,
    deep    => { 'list' => [1, bare, true, undef], neg => -3 },
    label   => $label,
    ignored => undef,
  }
  class { ['a', 'b']: }
}

/* node commented { include nothing } */
node default { }
node /^www\d+'{/ { include role::web }
node child inherits plain { include role::web }
node '' { include role::web }
node nothing { }

node conditional {
  include role::web
  if $facts['os'] { include windows }
  file { '/etc/motd': ensure => file }
  hiera_include('classes')
}

node late {
  include role::web
  $tier = 'back'
}

node computed {
  class { 'role::db': size => $facts['size'] }
}

node twice { include one }
node twice { include two }

node heredoc {
  $text = @("END")
    node inside { "quote ${site}
    | END
  include role::web
}

node shadows { $site = 'paris' include role::web }
node role_itself { $role = 'web' include role::web }
node redeclared { include a  class { 'a': x => 1 } }
class local { }
node own { include local }

node lines {
  include Class['role::web'], a
  User <| title == deploy |>

  Class['role::web'] -> Class['a'] ~> Package['b']
  apt-source { 'x': a => 1 }
  [1, 2].each |$n| { notice($n) }
  $top = $facts['x'] ? { 'a' => 1, default => 2 }
  Apt::Source { 'y': }
  File['/z'] { mode => '0600' }
  Package <<| |>> { ensure => absent }
  unless $facts['y'] { include a }
}
node 'own.example.com', 'other' {
  class { 'role::db': size => $trusted['certname'], label => "${trusted['hostname']}.x" }
  include $trusted['extensions']
}
