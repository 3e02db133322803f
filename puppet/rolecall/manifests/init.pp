# @summary What rolecall's programs on this machine share: who they run as, where they are installed,
#   and which inventory they use.
#
# `rolecall::service` and `rolecall::provisioner` include it.
#
# @example Without a way to PyPI: what `make wheel` built, in a folder of this machine
#   class { 'rolecall':
#     wheel      => '/srv/rolecall/rolecall-0.1.0-py3-none-any.whl',
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
#   What pip installs: a wheel's path or `https://` URL, or a requirement. Left out: the programs of this module's
#   version, so that they are upgraded with the module.
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
  String[1]                      $wheel,
  Stdlib::Absolutepath           $python,
  Array[String[1]]               $python_packages,
  Rolecall::Redis_url            $redis_url,
  Optional[Stdlib::Absolutepath] $wheelhouse           = undef,
  Optional[Sensitive[String[1]]] $service_password     = undef,
  Optional[Sensitive[String[1]]] $provisioner_password = undef,
) {
  contain rolecall::install
}
