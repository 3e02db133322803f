"""EC2 in memory, with EC2's manners, on the test's clock. Quick at tens of thousands of machines.

    cloud = FakeCloud(clock)
    cloud.capacity("spot:*:*", 0)                                    # dry ...
    cloud.capacity("spot:*:*", 2, after_s=60)                        # ... until two come
    cloud.refuse("spot:c5.large:*", Trouble.PRICE)                   # an error inside a 200
    cloud.price("c5.large", 0.06)                                    # a lower cap gets nothing
    cloud.fail("create_fleet", Trouble.THROTTLED)                    # once; nothing is done
    cloud.fail("create_fleet", Trouble.UNKNOWN_OUTCOME, after=True)  # done, and the answer lost
    cloud.manners.pending_s = 5
    assert cloud.count("create_fleet") == 2

The contract test in tests/region_ring holds it and the real adapter to the same behaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from provisioner.ports.ec2 import (
    FleetAnswer,
    FleetInstance,
    FleetRequest,
    Ground,
    GroundRequest,
    Instance,
    Pool,
    PoolRefusal,
    Subnet,
    TemplateRequest,
    TypeOffer,
    Volume,
)
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.host import Clock
from provisioner.ports.tags import SITE_TAG
from tests.fakes.capacity import ARCHITECTURE, Capacity
from tests.fakes.machines import Machine, Machines, Manners, disks_of
from tests.fakes.script import CODES, Script

REGION = "us-east-1"
ACCOUNT = "123456789012"
IMAGE = "ami-0123456789abcdef0"
PARAMETER = "/images/worker"
GROUP = "sg-1"
KEY = "ops"
PLAIN = ("/dev/xvda", (Volume(device="/dev/xvda", delete_on_termination=True),))  # an image
ROOM = 65_000  # free addresses of a seeded subnet
SUBNETS = {
    f"subnet-{letter}": Subnet(
        id=f"subnet-{letter}", zone=f"{REGION}{letter}", vpc="vpc-1", free_addresses=ROOM
    )
    for letter in "abc"
}


class FakeCloud(Script):
    """Implements provisioner.ports.ec2.Cloud."""

    def __init__(self, clock: Clock, manners: Manners | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.manners = manners or Manners()
        self.machines = Machines(self.manners)
        self.parameters = {f"resolve:ssm:{PARAMETER}": IMAGE}
        # Image -> its root device, and the volumes that it brings.
        self.images: dict[str, tuple[str, tuple[Volume, ...]]] = {IMAGE: PLAIN}
        self.groups, self.keys, self.subnets = {GROUP}, {KEY}, dict(SUBNETS)
        self.region_names = {REGION}
        self.denied: set[str] = set()  # regions that the organisation's policy denies
        self.disrupted: set[str] = set()  # zones; looking at their machines fails
        self.types_error = ""  # why instance types cannot be read
        self.ahead = timedelta(0)  # how far EC2's clock is ahead of ours
        self._pools = Capacity()
        self._templates: dict[tuple[str, str], tuple[TemplateRequest, datetime]] = {}
        self._template_tokens: dict[str, TemplateRequest] = {}
        self._fleets: dict[str, tuple[FleetRequest, FleetAnswer]] = {}

    def guarded(self, check: Callable[[], None]) -> FakeCloud:
        """Its calls take one request each."""
        return self

    # What a test arranges and asks.

    def capacity(self, pattern: str, number: int | None, *, after_s: float = 0.0) -> None:
        """Set what is left of ``market:type:zone``, with wildcards; None is endless."""
        self._pools.plan(self.clock.now() + timedelta(seconds=after_s), pattern, number)

    def refuse(self, pattern: str, trouble: Trouble, code: str = "") -> None:
        """Pools that match answer this inside a 200, until ``accept``."""
        self._pools.refusals[pattern] = (trouble, code or CODES[trouble])

    def withdraw(self, instance_type: str, zone: str) -> None:
        """The zone does not offer the type any more."""
        self._pools.withdrawn.add((instance_type, zone))

    def die_at_launch(self, pattern: str, reason: str) -> None:
        """Machines of pools that match are made, and dead at once, for this reason."""
        self._pools.deadly[pattern] = reason

    def price(self, instance_type: str, dollars: float) -> None:
        """What spot costs an hour from now on: a lower MaxPrice gets nothing."""
        self._pools.spot_price[instance_type] = dollars

    def accept(self, pattern: str) -> None:
        del self._pools.refusals[pattern]

    def interrupt(self, instance_id: str) -> None:
        """EC2 takes a spot machine back."""
        reason = "Server.SpotInstanceTermination: Spot instance termination"
        self.machines.end(instance_id, self.clock.now(), reason)

    def kill(
        self,
        instance_id: str,
        reason: str = "Client.UserInitiatedShutdown: User initiated shutdown",
    ) -> None:
        """It ends behind our back: by default, because somebody terminates it."""
        self.machines.end(instance_id, self.clock.now(), reason)

    def stop(self, instance_id: str, *, stopped: bool = True) -> None:
        self.machines.by_id[instance_id].stopped = stopped

    def forget(self, instance_id: str) -> None:
        """EC2 lists it no more."""
        del self.machines.by_id[instance_id]

    def copy(self, machine: Machine, tags: Mapping[str, str] | None = None) -> str:
        """Another machine like this one, born now: what a call made that nobody knows of."""
        now = self.clock.now()
        one = replace(
            machine,
            id=self.machines.next_id(),
            born=now,
            address=self.machines.address(now),
            tags={**machine.tags, **(tags or {})},
        )
        self.machines.add(one)
        return one.id

    @property
    def alive(self) -> list[str]:
        """The machines that cost money, oldest first."""
        return [m.id for m in self.machines.by_id.values() if m.ended is None]

    @property
    def template_names(self) -> list[str]:
        return [name for _, name in self._templates]

    # The port.

    def account(self) -> str:
        with self.call("account", None):
            return ACCOUNT

    def regions(self) -> tuple[str, ...]:
        with self.call("regions", None):
            return tuple(sorted(self.region_names))

    def ground(self, request: GroundRequest) -> Ground:
        with self.call("ground", request):
            self._reachable(request.region)
            image = self._image(request.image)
            _expect("subnets", request.subnets, self.subnets, "InvalidSubnetID.NotFound")
            groups = request.security_groups
            _expect("security_groups", groups, self.groups, "InvalidGroup.NotFound")
            key = (request.key_name,) if request.key_name else ()
            _expect("key_name", key, self.keys, "InvalidKeyPair.NotFound")
            root, disks = self.images[image]
            return Ground(
                image=image,
                subnets=tuple(map(self._subnet, request.subnets)),
                root=root,
                disks=disks,
                architecture=ARCHITECTURE,
                types=None if self.types_error else self._types(request.instance_types),
                types_error=self.types_error,
            )

    def create_template(self, request: TemplateRequest) -> None:
        with self.call("create_template", request):
            self._reachable(request.region)
            if self._template_tokens.setdefault(request.token, request) != request:
                raise _mismatch()
            there, _ = self._templates.get((request.region, request.name), (request, None))
            if there.tags != request.tags:
                code = "InvalidLaunchTemplateName.AlreadyExistsException"
                raise CloudError(Trouble.MALFORMED, code, f"{request.name} is in use")
            visible = self.clock.now() + timedelta(seconds=self.manners.template_s)
            self._templates.setdefault((request.region, request.name), (request, visible))

    def delete_template(self, region: str, name: str) -> None:
        with self.call("delete_template", (region, name)):
            self._templates.pop((region, name), None)

    def templates(self, region: str, site: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
        with self.call("templates", (region, site)):
            there = [r for r, _ in self._templates.values() if r.region == region]
            return tuple((r.name, dict(r.tags)) for r in there if r.tags.get(SITE_TAG) == site)

    def create_fleet(self, request: FleetRequest) -> FleetAnswer:
        with self.call("create_fleet", request):
            self._reachable(request.region)
            if request.token in self._fleets:
                return self._replayed(request)
            answer = self._launch(request, self._template(request))
            self._fleets[request.token] = request, answer
            return answer

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        wanted = {SITE_TAG: site, **(tags or {})}.items()
        with self.call("instances", (region, site, dict(tags or {}))):
            self._reachable(region)
            listed = self.machines.listed(region, self.clock.now())
            ours = (machine for machine in listed if wanted <= machine.tags.items())
            return self._seen(ours, disturbed=bool(self.disrupted))

    def everyone(self, region: str) -> tuple[Instance, ...]:
        with self.call("everyone", (region,)):
            self._reachable(region)
            listed = self.machines.listed(region, self.clock.now())
            return self._seen(listed, disturbed=bool(self.disrupted))

    def describe(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        with self.call("describe", (region, tuple(ids))):
            known = (self.machines.known(region, i, self.clock.now()) for i in ids)
            return {one.id: one for one in self._seen(filter(None, known), disturbed=False)}

    def terminate(self, region: str, ids: Sequence[str]) -> frozenset[str]:
        with self.call("terminate", (region, tuple(ids))):
            known = {i for i in ids if self.machines.known(region, i, self.clock.now())}
            for instance_id in known:
                self.kill(instance_id)
            return frozenset(ids) - known

    def tag(self, region: str, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        with self.call("tag", (region, tuple(ids), dict(tags))):
            found = [self.machines.known(region, i, self.clock.now()) for i in ids]
            if not all(found):
                raise CloudError(Trouble.GONE, CODES[Trouble.GONE], f"not all of {ids} exist")
            for machine in filter(None, found):
                machine.tags.update(tags)

    def skew(self, region: str) -> timedelta | None:
        return self.ahead

    # Inside.

    def _reachable(self, region: str) -> None:
        if region not in self.region_names:
            code = CODES[Trouble.UNAVAILABLE]
            raise CloudError(Trouble.UNAVAILABLE, code, f"there is not a region {region}")
        if region in self.denied:
            said = "You are not authorized to perform this operation."
            raise CloudError(Trouble.DENIED, CODES[Trouble.DENIED], said)

    def _seen(self, machines: Iterable[Machine], *, disturbed: bool) -> tuple[Instance, ...]:
        """As EC2 lists them: all of them or, in a zone's disruption, none."""
        now, found = self.clock.now(), list(machines)
        if disturbed or any(machine.subnet.zone in self.disrupted for machine in found):
            raise CloudError(Trouble.UNAVAILABLE, "Unavailable", "a zone is disrupted")
        return tuple(machine.seen(self.manners, now) for machine in found)

    def _image(self, image: str) -> str:
        if image.startswith("resolve:ssm:"):
            _expect("image", (image,), self.parameters, "ParameterNotFound")
            image = self.parameters[image]
        _expect("image", (image,), self.images, "InvalidAMIID.NotFound")
        return image

    def _subnet(self, subnet_id: str) -> Subnet:
        """With the addresses that are free now."""
        used = sum(self.machines.by_id[i].subnet.id == subnet_id for i in self.alive)
        subnet = self.subnets[subnet_id]
        return replace(subnet, free_addresses=subnet.free_addresses - used)

    def _types(self, wanted: Sequence[str]) -> Mapping[str, TypeOffer]:
        zones = {subnet.zone for subnet in self.subnets.values()}
        return self._pools.offers(wanted, zones)

    def _template(self, request: FleetRequest) -> TemplateRequest:
        found = self._templates.get((request.region, request.template))
        if found is None or self.clock.now() < found[1]:
            message = f"launch template {request.template} does not exist"
            raise CloudError(Trouble.NOT_YET, CODES[Trouble.NOT_YET], message)
        return found[0]

    def _replayed(self, request: FleetRequest) -> FleetAnswer:
        first, answer = self._fleets[request.token]
        if first != request:
            raise _mismatch()
        return answer if self.manners.replay_lists else FleetAnswer()

    def _launch(self, request: FleetRequest, template: TemplateRequest) -> FleetAnswer:
        """Pool after pool, while machines are missing."""
        made: list[FleetInstance] = []
        refused: list[PoolRefusal] = []
        for pool, subnet in self._offered(request).items():
            if unfit := self._pools.unfit(pool, subnet.id):
                refused.append(unfit)
                continue
            missing = request.count - len(made)
            got = self._pools.take(pool, missing, self.clock.now(), request.max_price)
            made += [self._boot(request, template, pool, subnet) for _ in range(got)]
            if got < missing:
                refused.append(self._pools.refusal(pool, subnet.id, request.max_price))
        return FleetAnswer(instances=tuple(made), refusals=tuple(refused))

    def _offered(self, request: FleetRequest) -> Mapping[Pool, Subnet]:
        used = [subnet for _, subnet in request.overrides]
        _expect("subnets", used, self.subnets, "InvalidSubnetID.NotFound")
        places = [(kind, self.subnets[subnet]) for kind, subnet in request.overrides]
        offered = {
            Pool(market=request.market, instance_type=kind, zone=subnet.zone): subnet
            for kind, subnet in places
        }
        if len(offered) < len(places):
            message = "The fleet configuration contains duplicate instance pools"
            raise CloudError(Trouble.MALFORMED, "InvalidFleetConfig", message)
        return offered

    def _boot(
        self, request: FleetRequest, template: TemplateRequest, pool: Pool, subnet: Subnet
    ) -> FleetInstance:
        now = self.clock.now()
        machine = Machine(
            id=self.machines.next_id(),
            region=request.region,
            subnet=subnet,
            instance_type=pool.instance_type,
            market=pool.market,
            born=now,
            image=template.image,
            address=self.machines.address(now),
            public=template.public_ip is not False,
            tags=dict(request.tags),
            user_data=template.user_data,
            disks=disks_of(self.images[template.image][1], template.volumes),
            disk_tags=dict(template.tags),
        )
        self.machines.add(machine)
        if reason := self._pools.kills(pool):
            self.machines.end(machine.id, now, reason)
        kind, place = pool.instance_type, subnet.id
        return FleetInstance(id=machine.id, market=pool.market, instance_type=kind, subnet=place)


def _expect(key: str, wanted: Sequence[str], there: Collection[str], code: str) -> None:
    for thing in wanted:
        if thing not in there:
            raise CloudError(Trouble.MALFORMED, code, f"launch.{key}: {thing} does not exist")


def _mismatch() -> CloudError:
    message = "The request uses the same client token as a previous, but non-identical request"
    return CloudError(Trouble.MALFORMED, "IdempotentParameterMismatch", message)
