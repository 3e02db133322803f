# @summary Where Redis is, without login and password, which the module puts in.
#
# One on another host is asked over TLS: `rediss://`, or `rediss+sentinel://HOST,HOST,HOST/NAME/0` for the
# primary that a majority of these Sentinels names.
type Rolecall::Redis_url = Variant[
  Pattern[/\Aredis:\/\/(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?(\/[0-9]{1,2})?\z/],
  Pattern[/\Arediss:\/\/[^\s\/@?#]+(\/[0-9]{1,2})?(\?[^\s#@]+)?\z/],
  Pattern[/\Arediss\+sentinel:\/\/[^\s\/@?#]+\/[^\s\/@?#]+(\/[0-9]{1,2})?(\?[^\s#@]+)?\z/],
  Pattern[/\Aunix:\/\/\/[^\s@#]+\z/]
]
