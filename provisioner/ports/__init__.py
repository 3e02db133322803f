"""What the provisioner needs of the world. Adapters and fakes implement these.

Values that cross the border are frozen; errors are ours, never a client library's.
"""
