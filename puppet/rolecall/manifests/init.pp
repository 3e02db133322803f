# @summary What rolecall's programs on this machine share: who they run as, where they are installed,
#   and which inventory they use.
#
# `rolecall::service` and `rolecall::provisioner` include it.
#
# @example What `make wheel` built, in a folder of this machine
#   class { 'rolecall':
#     wheel      => '/srv/rolecall/rolecall-0.2.0-py3-none-any.whl',
#     wheelhouse => '/srv/rolecall/wheelhouse',
#   }
#
# @param ensure
#   `absent` takes the programs, the user and the passwords away. `rolecall::service`, `rolecall::provisioner` and
#   `rolecall::redis` have to be absent, too, where they are declared.
# @param site
#   The name of this rolecall: two in one AWS account have different ones, and the inventory is of
#   one.
# @param wheel
#   What pip installs as root: the path of the wheel that came with the module, its `https://` URL, or a requirement for an
#   index of your own. It has no default: who gives it knows where the programs come from.
# @param wheelhouse
#   A folder of this machine with all that the wheel depends on: pip then asks no index.
# @param python
#   A Python from 3.11, with its module venv.
# @param python_packages
#   The packages that bring it.
# @param redis_url
#   Where Redis is, without login and password: each program has its own. On another host it is
#   `rediss://`, and the passwords below have to be given.
# @param service_password
#   Of the service's user in Redis, `rolecall-service`. Left out: where Redis is on this machine, one
#   that the machine makes for itself.
# @param provisioner_password
#   The same for the provisioner's user, `rolecall-provisioner`.
class rolecall (
  Rolecall::Ensure               $ensure,
  Rolecall::Site                 $site,
  Stdlib::Absolutepath           $python,
  Array[String[1]]               $python_packages,
  Rolecall::Redis_url            $redis_url,
  Optional[String[1]]            $wheel                = undef,
  Optional[Stdlib::Absolutepath] $wheelhouse           = undef,
  Optional[Sensitive[String[1]]] $service_password     = undef,
  Optional[Sensitive[String[1]]] $provisioner_password = undef,
) {
  if $ensure == 'present' and $wheel =~ Undef {
    fail('rolecall::wheel is not given: it says where the programs come from. Set it to the wheel that `make wheel` built beside this module, as in /srv/rolecall/rolecall-0.2.0-py3-none-any.whl') # lint:ignore:140chars
  }

  contain rolecall::install
}
