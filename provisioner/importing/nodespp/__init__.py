"""What a file of node definitions says, out of what Puppet's own parser makes of it. Pure.

``reading.read`` gives the whole file as values; ``values`` are the constants in it, ``lines`` knows
where each statement stands, which the parser's dump does not tell.
"""
