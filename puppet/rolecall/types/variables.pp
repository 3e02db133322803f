# @summary Environment variables of a program.
type Rolecall::Variables = Hash[
  Pattern[/\A[A-Z_][A-Z0-9_]*\z/],
  Variant[String, Sensitive[String], Integer]
]
