# @summary Where the ENC service is: `unix:/PATH`, `http://` on loopback, or `https://`.
#
# Plain HTTP to another host would let anybody on the way say what a node is.
type Rolecall::Url = Variant[
  Pattern[/\Aunix:\/[^\s]+\z/],
  Pattern[/\Ahttp:\/\/(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?(\/[^\s@?#]*)?\z/],
  Pattern[/\Ahttps:\/\/[^\s\/@?#]+(\/[^\s@?#]*)?\z/]
]
