# @summary The name of a rolecall, which keeps two in one AWS account apart.
type Rolecall::Site = Pattern[/\A[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\z/]
