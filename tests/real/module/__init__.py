"""The Puppet module, and the servers that it sets up."""
