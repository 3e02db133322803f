"""Certificate requests that wait at Puppet's CA."""
