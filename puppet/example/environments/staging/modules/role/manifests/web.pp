# @summary What a machine of the role web is.
#
# @param marker
#   A file that shows that this class was applied; none unless it is given.
class role::web (
  Optional[Pattern[/\A\//]] $marker = undef,
) {
  notify { 'web serves what was converted': }

  if $marker {
    file { $marker:
      ensure  => file,
      content => "web environment=${environment}\n",
    }
  }
}
