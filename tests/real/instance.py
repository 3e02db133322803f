"""A machine of the simulated region as a host: its own address, metadata service and user-data.

    with Instance.of(region, "i-0feed", services={(PUPPET, 8140): ("127.0.0.1", port)}) as machine:
        boot = machine.boot()  # cloud-init finds EC2, asks 169.254.169.254 and runs what it says

It is told nothing but its hardware: who it is and what to do comes from its metadata service.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tests.real.host import MODULES, Host
from tests.real.metadata import metadata_service
from tests.real.network import add_address, connect
from tests.real.relay import relay
from tests.region.handle import Region

# No machine of the region gets it: it lies in the network, and in none of the subnets.
PUPPET = "10.20.255.10"

# In CI too this is a machine and no container, whose hardware says EC2: only there does cloud-init
# ask for a token. https://github.com/canonical/cloud-init/blob/22.4.2/cloudinit/dmi.py
NO_CONTAINER = "#!/bin/sh\nexit 1\n"
HARDWARE = """\
#!/bin/sh
case $2 in system-uuid | system-serial-number) echo ec20feed-0000-4000-8000-000000000000 ;; esac
"""
CLOUD_CFG = f"""\
datasource_list: [Ec2]
datasource: {{Ec2: {{metadata_urls: ["http://169.254.169.254"], max_wait: 30, timeout: 5}}}}
{MODULES}"""
# This machine's own, if it has any; and no address is to be had by DHCP: there is one already.
STRIP = """
for each in /sys/class/dmi /sys/hypervisor; do
    [ ! -d $each ] || mount -t tmpfs -o mode=0755 rolecall $each
done
rm -f /usr/sbin/dhclient /sbin/dhclient
"""


@dataclass
class Instance(Host):
    """`services`: {(address, port): (host, port)}, what it reaches and where we see that."""

    private_ip: str = ""
    metadata: str = ""
    services: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        region: Region,
        instance_id: str,
        services: Mapping[tuple[str, int], tuple[str, int]],
    ) -> Self:
        return cls(
            instance_id,
            private_ip=region.instance(instance_id)["private_ip"],
            metadata=region.imds(instance_id),
            services=services,
        )

    def _connect(self, stack: contextlib.ExitStack) -> None:
        self.gateway, self.address = connect(self.pid, self.private_ip)
        for address in {address for address, _ in self.services}:
            add_address(self.pid, address)
        for listen, target in self.services.items():
            stack.enter_context(relay(listen, target, self.pid))
        stack.enter_context(metadata_service(self.pid, self.metadata))
        self._build()

    def _build(self) -> None:
        self.run(["sh", "-c", STRIP])
        self.write("/usr/local/bin/systemd-detect-virt", NO_CONTAINER, mode=0o755)
        self.write("/usr/local/sbin/dmidecode", HARDWARE, mode=0o755)

    def _seed(self) -> None:
        self.write("/etc/cloud/cloud.cfg.d/99_private_machine.cfg", CLOUD_CFG)
