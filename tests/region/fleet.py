"""CreateFleet of type instant: one try, and the answer holds machines and errors side by side.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instant-fleet.html
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.region import world
from tests.region.launching import dry_run, give, make, merged_tags
from tests.region.machines import Machine, Spec
from tests.region.specs import Data, resolve, template_data
from tests.region.state import State, Store
from tests.region.wire import ApiError, Reply, Request, answer, by_wire_names

# In these all of a market goes to the first pool that has it; the others share it out.
IN_ORDER = {"lowest-price", "lowestPrice", "prioritized", "capacity-optimized-prioritized"}


@dataclass
class Offer:
    """One launch template and override: what it would launch, or why it cannot."""

    template: dict[str, Any]
    override: Data
    data: Data
    error: ApiError | None = None
    spec: Spec | None = None
    made: list[Machine] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """What all the pools of one call share."""

    state: State
    store: Store
    fleet: str
    token: str
    strategy: dict[str, str]  # market -> allocation strategy


def create_fleet(state: State, store: Store, request: Request) -> Reply:
    params = request.params
    wanted = _wanted(params)
    _check(params)
    # EC2 asks about rights before it looks for templates and subnets.
    if request.dry_run:
        raise dry_run()
    tags = params.get("TagSpecifications") or []
    offers = _offers(state, store, params["LaunchTemplateConfigs"], tags)
    _no_duplicates(store, offers)
    order = _order(state, store, request)
    errors: list[dict[str, Any]] = []
    instances: list[dict[str, Any]] = []
    for market, count in wanted.items():
        for offer in _fill(order, offers, market, count):
            errors += _error(state, offer, market)
            instances += _instances(state, offer, market)
            store.fleets[order.fleet] += [each.id for each in offer.made]
    content = {"fleetId": order.fleet, "errorSet": errors, "fleetInstanceSet": instances}
    return answer("CreateFleet", content)


def _order(state: State, store: Store, request: Request) -> Order:
    fleet = store.new_id("fleet")
    store.fleets[fleet] = []
    strategy = {market: _strategy(request.params, market) for market in ("spot", "on-demand")}
    return Order(state, store, fleet, request.flat.get("ClientToken", ""), strategy)


def _wanted(params: Data) -> dict[str, int]:
    """How many of each market. What is not split goes to the default market."""
    said = params.get("TargetCapacitySpecification") or {}
    total = said.get("TotalTargetCapacity")
    if total is None:
        raise _missing("TargetCapacitySpecification.TotalTargetCapacity")
    counts = Counter(
        {
            "spot": said.get("SpotTargetCapacity") or 0,
            "on-demand": said.get("OnDemandTargetCapacity") or 0,
        }
    )
    if counts.total() > total or total < 1:
        text = "The target capacities do not add up to the total target capacity."
        raise ApiError("InvalidTargetCapacitySpecification", text)
    counts[said.get("DefaultTargetCapacityType") or "on-demand"] += total - counts.total()
    return {market: count for market, count in counts.items() if count}


def _check(params: Data) -> None:
    if params.get("Type", "maintain") != "instant":
        text = "The simulated region makes fleets of type instant only."
        raise ApiError("UnsupportedOperation", text)
    if not params.get("LaunchTemplateConfigs"):
        raise _missing("LaunchTemplateConfigs")


def _missing(name: str) -> ApiError:
    return ApiError("MissingParameter", f"The request must contain the parameter {name}")


def _strategy(params: Data, market: str) -> str:
    options = params.get("SpotOptions" if market == "spot" else "OnDemandOptions") or {}
    return str(options.get("AllocationStrategy") or "lowest-price")


def _offers(state: State, store: Store, configs: list[Data], tags: list[Data]) -> list[Offer]:
    offers = []
    for config in configs:
        said = config.get("LaunchTemplateSpecification") or {}
        error = None
        try:
            data, named = template_data(state, store, said)
        except ApiError as refused:
            if not state.config.template_inside:
                raise
            data, named, error = {}, by_wire_names(said), refused
        if not error:
            data["TagSpecifications"] = merged_tags(data, tags, named)
        offers += [
            Offer(named, override, {**data, **override}, error)
            for override in config.get("Overrides") or [{}]
        ]
    return offers


def _no_duplicates(store: Store, offers: list[Offer]) -> None:
    """A pool is a type in a zone: two subnets of one zone make the same pool twice."""
    pools = Counter((offer.data.get("InstanceType"), _zone(store, offer.data)) for offer in offers)
    if any(count > 1 for count in pools.values()):
        text = "The fleet configuration contains duplicate instance pools."
        raise ApiError("InvalidFleetConfig", text)


def _zone(store: Store, data: Data) -> str:
    found = world.subnet(store.region, data.get("SubnetId") or "")
    return found.availability_zone if found else data.get("SubnetId") or ""


def _fill(order: Order, offers: list[Offer], market: str, count: int) -> list[Offer]:
    """Takes machines from the pools until there are enough or nothing more to take."""
    asked = [Offer(each.template, each.override, each.data, each.error) for each in offers]
    for offer in asked:
        if not offer.error:
            _resolve(order.store, offer, market)
    giving = [offer for offer in asked if not offer.error]
    while count > 0 and giving:
        share = count if order.strategy[market] in IN_ORDER else -(-count // len(giving))
        for offer in giving:
            count -= _ask(order, offer, min(share, count))
        giving = [offer for offer in giving if not offer.error]
    return asked


def _resolve(store: Store, offer: Offer, market: str) -> None:
    """A bad image, subnet, key or group is not the call's error but each offer's."""
    try:
        offer.spec = resolve(store, offer.data, market)
    except ApiError as refused:
        offer.error = refused


def _ask(order: Order, offer: Offer, share: int) -> int:
    """Made at once: the next pool is asked under the quota and the addresses that are left."""
    if share <= 0 or offer.spec is None:
        return 0
    price = offer.override.get("MaxPrice")
    given, offer.error = give(order.state, order.store, offer.spec, share, max_price=price)
    if given:
        named = {"token": order.token, "fleet": order.fleet}
        offer.made += make(order.state, order.store, offer.spec, given, **named)
    return given


def _named(state: State, offer: Offer) -> dict[str, Any]:
    override = by_wire_names(offer.override)
    if state.config.echo_zone and offer.spec:
        override = {**override, "availabilityZone": offer.spec.pool.zone}
    return {"launchTemplateSpecification": offer.template, "overrides": override}


def _error(state: State, offer: Offer, market: str) -> list[dict[str, Any]]:
    if offer.error is None or state.config.silent:
        return []
    return [
        {
            "launchTemplateAndOverrides": _named(state, offer),
            "lifecycle": market,
            "errorCode": offer.error.code,
            "errorMessage": offer.error.message,
        }
    ]


def _instances(state: State, offer: Offer, market: str) -> list[dict[str, Any]]:
    if not offer.made:
        return []
    return [
        {
            "launchTemplateAndOverrides": _named(state, offer),
            "lifecycle": market,
            "instanceIds": [each.id for each in offer.made],
            "instanceType": offer.made[0].spec.pool.instance_type,
        }
    ]


def delete_fleets(state: State, store: Store, request: Request) -> Reply:
    """Deleting an instant fleet terminates its machines, asked for or not."""
    from tests.region.acts import end

    deleted: list[str] = []
    unknown: list[str] = []
    for fleet in request.params.get("FleetIds") or []:
        for instance_id in store.fleets.get(fleet, []):
            end(state, store.machines[instance_id])
        (deleted if fleet in store.fleets else unknown).append(fleet)
    good = [
        {
            "fleetId": each,
            "currentFleetState": "deleted-terminating",
            "previousFleetState": "active",
        }
        for each in deleted
    ]
    code = {"code": "fleetIdDoesNotExist", "message": "The fleet does not exist."}
    bad = [{"fleetId": each, "error": code} for each in unknown]
    content = {"successfulFleetDeletionSet": good, "unsuccessfulFleetDeletionSet": bad}
    return answer("DeleteFleets", content)
