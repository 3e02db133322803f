# @summary There, or taken back.
type Rolecall::Ensure = Enum['present', 'absent']
