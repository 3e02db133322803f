# @summary Packages, but for those that the site has in its catalogue, in whatever way it wants them.
#
# A defined type is evaluated after all classes, in whatever order the site declares them.
#
# @api private
#
# @param packages
#   Their names.
define rolecall::packages (
  Array[String[1]] $packages,
) {
  assert_private()

  $packages.each |$package| {
    unless defined(Package[$package]) {
      package { $package:
        ensure => installed,
      }
    }
  }
}
