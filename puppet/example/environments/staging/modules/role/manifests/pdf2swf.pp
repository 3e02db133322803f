# @summary What a machine of the role pdf2swf is.
#
# @param workers
#   How many documents are converted at a time.
# @param marker
#   A file that shows that this class was applied; none unless it is given.
class role::pdf2swf (
  Integer[1]                $workers = 1,
  Optional[Pattern[/\A\//]] $marker  = undef,
) {
  notify { "pdf2swf converts with ${workers} workers": }

  if $marker {
    file { $marker:
      ensure  => file,
      content => "pdf2swf workers=${workers} environment=${environment}\n",
    }
  }
}
