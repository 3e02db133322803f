# @summary The name in a certificate, as rolecall and Puppet have it.
type Rolecall::Certname = Pattern[/\A(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,254}\z/]
