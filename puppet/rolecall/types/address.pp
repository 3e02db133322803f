# @summary Where something listens: `127.0.0.1:9310`, `[::1]:9310`.
type Rolecall::Address = Pattern[/\A([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}\z/]
