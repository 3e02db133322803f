"""What Puppet and people ask: who a node is, and whether a certificate request is ours."""
