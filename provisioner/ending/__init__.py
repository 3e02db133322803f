"""The end of a node: its machine, what Puppet knows of it, its record. Steps can be repeated."""
