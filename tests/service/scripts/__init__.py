"""The scripts that Puppet starts for a node or a request, as processes."""
