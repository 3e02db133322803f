"""The world as it is: boto3, HTTP, the clock, the service manager, Puppet's command."""
