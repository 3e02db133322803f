# @summary How the balancer knows people: by the names in their certificates, by a password file of
#   Apache's, or as an Apache module of the site's does, in Apache's own words.
type Rolecall::Login = Variant[
  Struct[{ certificates => Array[Pattern[/\A[^'"\\%$\s]+\z/], 1] }],
  Struct[{ htpasswd => Stdlib::Absolutepath }],
  Struct[{ config => String[1], Optional[modules] => String[1] }]
]
