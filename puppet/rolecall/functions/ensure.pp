# @summary Whether something is to be there, as resources say it.
#
# @api private
#
# @param wanted
#   Whether it is.
#
# @return `present` or `absent`.
function rolecall::ensure(Boolean $wanted) >> Rolecall::Ensure {
  if $wanted { 'present' } else { 'absent' }
}
