# @summary A number and its unit: `90s`, `5m`, `24h`, `7d`.
type Rolecall::Duration = Pattern[/\A[1-9][0-9]{0,6}[smhd]\z/]
