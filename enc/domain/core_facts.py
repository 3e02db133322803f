"""Names that are facts on every machine, those of old among them, and what Puppet sets itself.

https://www.puppet.com/docs/puppet/7/core_facts.html and
https://www.puppet.com/docs/puppet/7/lang_facts_builtin_variables.html
"""

from __future__ import annotations

_NAMES = """
aio_agent_version architecture augeas augeasversion bios_release_date bios_vendor bios_version
blockdevices boardmanufacturer boardproductname boardserialnumber chassistype clientcert
clientnoop clientversion cloud cpuinfo dhcp_servers disks dmi domain ec2_metadata ec2_userdata
env_windows_installdir facterversion facts filesystems fips_enabled fqdn gid hardwareisa
hardwaremodel hostname hypervisors id identity interfaces ipaddress ipaddress6 is_virtual kernel
kernelmajversion kernelrelease kernelversion load_averages lsbdistcodename lsbdistdescription
lsbdistid lsbdistrelease lsbmajdistrelease lsbminordistrelease lsbrelease macaddress
manufacturer memory memoryfree memoryfree_mb memorysize memorysize_mb module_name mountpoints
netmask netmask6 network network6 networking operatingsystem operatingsystemmajrelease
operatingsystemrelease os osfamily partitions path physicalprocessorcount processor0
processorcount processors productname ps puppetversion ruby rubyplatform rubysitedir rubyversion
selinux selinux_config_mode selinux_current_mode selinux_enforced serialnumber server_facts
serverip servername serverversion sshdsakey sshecdsakey sshed25519key sshrsakey swapfree
swapfree_mb swapsize swapsize_mb system_uptime timezone trusted uptime uptime_days uptime_hours
uptime_seconds uuid virtual xendomains zones
"""
FACTS = frozenset(_NAMES.split())
