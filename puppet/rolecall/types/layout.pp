# @summary Where the packages of a puppetserver have put its files.
type Rolecall::Layout = Struct[{
  confdir          => Stdlib::Absolutepath,
  serverdir        => Stdlib::Absolutepath,
  ssldir           => Stdlib::Absolutepath,
  cadir            => Stdlib::Absolutepath,
  defaults_file    => Stdlib::Absolutepath,
  java             => Array[String[1], 1],
  bootstrap        => Array[Stdlib::Absolutepath],
}]
