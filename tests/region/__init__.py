"""EC2 over HTTP with its real manners: see README.md."""
