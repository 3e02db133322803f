"""Resource types of Puppet's own: written in Ruby, they run no site's code and see no variable.

Also those that went into modules with Puppet 6, which its packages still bring.
https://www.puppet.com/docs/puppet/7/type.html and https://www.puppet.com/docs/puppet/5.5/type.html
"""

from __future__ import annotations

_NAMES = """
augeas computer cron exec file filebucket group host interface k5login macauthorization mailalias
maillist mcx mount nagios_command nagios_contact nagios_contactgroup nagios_host
nagios_hostdependency nagios_hostescalation nagios_hostextinfo nagios_hostgroup nagios_service
nagios_servicedependency nagios_serviceescalation nagios_serviceextinfo nagios_servicegroup
nagios_timeperiod notify package resources router schedule scheduled_task selboolean selmodule
service ssh_authorized_key sshkey stage tidy user vlan yumrepo zfs zone zpool
"""
CORE = frozenset(_NAMES.split())
