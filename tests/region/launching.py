"""Machines come to be: RunInstances, and what it shares with CreateFleet."""

from __future__ import annotations

from typing import Any

from tests.region import capacity, world
from tests.region.machines import Machine, Spec, Step, dying
from tests.region.specs import Data, resolve, tags_by_resource, template_data
from tests.region.state import State, Store
from tests.region.views import reservation
from tests.region.wire import ApiError, Reply, Request, answer


def room(state: State, store: Store, spec: Spec, wanted: int) -> tuple[int, ApiError | None]:
    """How many the subnet's addresses and the market's quota leave, and what forbids the rest."""
    subnet = world.subnet(store.region, spec.subnet)
    free = state.free_addresses(store.region, subnet)
    market = spec.pool.market
    limit = state.config.quota.get(market)
    alive = sum(each.alive and each.spec.pool.market == market for each in store.machines.values())
    under = wanted if limit is None else max(0, limit - alive)
    if min(free, under) >= wanted:
        return wanted, None
    if free < under:
        text = f"Insufficient free addresses in subnet '{spec.subnet}'."
        return max(0, free), ApiError("InsufficientFreeAddressesInSubnet", text)
    return under, capacity.over_quota(market)


def give(
    state: State, store: Store, spec: Spec, wanted: int, *, max_price: str | None = None
) -> tuple[int, ApiError | None]:
    """How many machines the pool gives now, and why not all of them. Takes them from the pool."""
    if refused := capacity.refusal(spec.pool, state.config, max_price=max_price):
        return 0, refused
    allowed, why = room(state, store, spec, wanted)
    given = capacity.take(spec.pool, allowed, state.config)
    return given, why if given == allowed else capacity.dry(spec.pool, state.config)


def make(
    state: State, store: Store, spec: Spec, count: int, *, token: str = "", fleet: str | None = None
) -> list[Machine]:
    """One reservation of machines that the pool has given."""
    named = {"reserved": store.new_id("r"), "fleet": fleet, "token": token}
    made = [_machine(state, store, spec, index=index, **named) for index in range(count)]
    store.machines |= {each.id: each for each in made}
    store.settle(state.clock.now())
    return made


def _machine(
    state: State,
    store: Store,
    spec: Spec,
    *,
    index: int,
    reserved: str,
    fleet: str | None,
    token: str,
) -> Machine:
    config, now = state.config, state.clock.now()
    reuse = config.reuse_addresses
    subnet = world.subnet(store.region, spec.subnet)
    address = store.addresses(subnet).take(reuse=reuse) or ""
    return Machine(
        id=store.new_id("i"),
        region=store.region,
        spec=spec,
        reservation=reserved,
        index=index,
        born=now,
        launched_at=state.clock.wall(config.clock_skew_s),
        private_ip="" if subnet.ipv6_native else address,
        ipv6=address if subnet.ipv6_native else "",
        fleet=fleet,
        token=token,
        public_ip=store.public.take(reuse=reuse) if spec.public else None,
        tags={**spec.tags.get("instance", {}), **({"aws:ec2:fleet-id": fleet} if fleet else {})},
        spot_request=store.new_id("sir", 8) if spec.pool.market == "spot" else None,
        due=_first_steps(state, spec, now),
        dns_at=now + config.dns_s,
        ip_at=now + config.ip_s,
        listed_at=now + config.hidden_s,
        known_at=now + config.unknown_s,
        unknown_n=config.unknown_n,
        forget_s=config.forget_s,
        protected=spec.protected,
    )


def _first_steps(state: State, spec: Spec, now: float) -> list[Step]:
    """Running after a while, or dead at once for a reason that EC2 gives."""
    up = now + state.config.pending_s
    if said := capacity.scripted(state.config.die_at_launch, spec.pool):
        code = said.get("code", "Client.InternalError")
        reason = (code, said.get("message", f"{code}: {code.partition('.')[2]}"))
        return dying(up, state.config.shutdown_s, reason)
    return [Step(up, "running")]


def run_instances(state: State, store: Store, request: Request) -> Reply:
    said = dict(request.params)
    low, high = said.pop("MinCount", 1), said.pop("MaxCount", 1)
    if not 1 <= low <= high:
        raise ApiError("InvalidParameterValue", f"MinCount {low} and MaxCount {high} do not fit.")
    market = (said.get("InstanceMarketOptions") or {}).get("MarketType", "on-demand")
    spec = resolve(store, _data(state, store, said), market)
    if request.dry_run:
        raise dry_run()
    max_price = (said.get("InstanceMarketOptions") or {}).get("SpotOptions", {}).get("MaxPrice")
    return _run(state, store, request, spec, (low, high, max_price))


def _run(
    state: State, store: Store, request: Request, spec: Spec, wanted: tuple[int, int, str | None]
) -> Reply:
    low, high, max_price = wanted
    before = dict(state.config.capacity)
    given, why = give(state, store, spec, high, max_price=max_price)
    if given < low:
        state.config.capacity.update(before)
        raise why or capacity.dry(spec.pool, state.config)
    made = make(state, store, spec, given, token=request.flat.get("ClientToken", ""))
    return answer("RunInstances", reservation(made, state.clock.now(), starting=True))


def _data(state: State, store: Store, said: Data) -> Data:
    """The call's own parameters go before the template's; tags add up."""
    if not said.get("LaunchTemplate"):
        return said
    data, named = template_data(state, store, said["LaunchTemplate"])
    tags = merged_tags(data, said.get("TagSpecifications") or [], named)
    return {**data, **said, "TagSpecifications": tags}


def merged_tags(data: Data, said: list[Data], named: dict[str, Any]) -> list[Data]:
    """Template and call together, with the tags that EC2 itself sets."""
    own = {
        "aws:ec2launchtemplate:id": named["launchTemplateId"],
        "aws:ec2launchtemplate:version": named["version"],
    }
    tags = tags_by_resource([*(data.get("TagSpecifications") or []), *said])
    tags.setdefault("instance", {}).update(own)
    return [
        {"ResourceType": kind, "Tags": [{"Key": key, "Value": each[key]} for key in each]}
        for kind, each in tags.items()
    ]


def dry_run() -> ApiError:
    text = "Request would have succeeded, but DryRun flag is set."
    return ApiError("DryRunOperation", text)
