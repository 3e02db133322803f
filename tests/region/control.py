"""What tests tell the region, and ask it: JSON over POST ``/_region/<verb>``."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

from tests.region import acts, disks, faults, seeding, world
from tests.region.capacity import arrive
from tests.region.machines import Machine
from tests.region.state import State
from tests.region.views import private_dns, public_dns, public_ip
from tests.region.wire import ApiError, Reply

WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
Said = dict[str, Any]


def answer(state: State, verb: str, body: bytes) -> Reply:
    try:
        with state.lock:
            for store in state.stores.values():
                store.settle(state.clock.now())
            said, status = VERBS.get(verb, _unknown)(state, json.loads(body or b"{}")), 200
    except (ApiError, KeyError, TypeError, ValueError) as error:
        said, status = {"error": f"{type(error).__name__}: {error}"}, 400
    return Reply(status, json.dumps(said).encode(), (("Content-Type", "application/json"),))


def _unknown(state: State, said: Said) -> Said:
    raise ValueError(f"no such verb; there are {sorted(VERBS)}")


def _configure(state: State, said: Said) -> Said:
    state.config.update(said)
    arrive(state.config, state.clock.now())
    return {}


def _capacity(state: State, said: Said) -> Said:
    """{pool, count, after_s}: the count is absolute, None is endless."""
    entry = {"pool": said["pool"], "count": said.get("count"), "after_s": said.get("after_s", 0.0)}
    state.config.capacity_later.append(entry)
    arrive(state.config, state.clock.now())
    return {"capacity": state.config.capacity}


def _fault(state: State, said: Said) -> Said:
    state.faults.append(faults.check(said))
    return {}


def _faults(state: State, said: Said) -> Said:
    """Those that are not used up; ``clear`` forgets all."""
    if said.get("clear"):
        state.faults.clear()
    return {"faults": [each for each in state.faults if each.get("times", 1) != 0]}


def _calls(state: State, said: Said) -> Said:
    kept = [
        each
        for each in state.calls
        if said.get("action") in (None, each["action"]) and each["service"]
    ]
    if said.get("clear"):
        state.calls.clear()
    return {"calls": kept}


def _reset(state: State, said: Said) -> Said:
    state.reset()
    state.config.update(said)
    return {}


def _advance(state: State, said: Said) -> Said:
    state.clock.skipped += float(said["seconds"])
    for store in state.stores.values():
        store.settle(state.clock.now())
    arrive(state.config, state.clock.now())
    return {}


def _machine(state: State, said: Said) -> Machine:
    for store in state.stores.values():
        if said["instance_id"] in store.machines:
            return store.machines[said["instance_id"]]
    raise ValueError(f"no machine {said['instance_id']} in any region")


def _interrupt(state: State, said: Said) -> Said:
    machine, notice_s = _machine(state, said), float(said.get("notice_s", 120.0))
    if machine.spec.pool.market != "spot" or not machine.alive:
        raise ValueError(f"{machine.id} is {machine.state}, {machine.spec.pool}: not a live spot")
    at = state.clock.wall(state.config.clock_skew_s) + timedelta(seconds=notice_s)
    machine.notice = ("terminate", at)
    if said.get("event", True):
        detail = {"instance-id": machine.id, "instance-action": "terminate"}
        world.put_event(machine.region, WARNING, machine.id, detail)
    acts.interrupt(state, machine, notice_s)
    return {}


def _rebalance(state: State, said: Said) -> Said:
    machine = _machine(state, said)
    machine.rebalance = state.clock.wall(state.config.clock_skew_s)
    if said.get("event", True):
        world.put_event(machine.region, REBALANCE, machine.id, {"instance-id": machine.id})
    return {}


def _power_off(state: State, said: Said) -> Said:
    acts.power_off(state, _machine(state, said))
    return {}


def _backdate(state: State, said: Said) -> Said:
    _machine(state, said).launched_at -= timedelta(seconds=float(said["seconds"]))
    return {}


def _instances(state: State, said: Said) -> Said:
    """Every machine that was ever made, as it truly is: nothing hidden, nothing late."""
    machines = [each for store in state.stores.values() for each in store.machines.values()]
    return {"instances": [_truth(each) for each in machines]}


def _truth(machine: Machine) -> Said:
    spec, endless = machine.spec, float("inf")
    user_data = base64.b64decode(spec.user_data or "").decode("utf-8", "surrogateescape")
    return {
        "id": machine.id,
        "region": machine.region,
        "state": machine.state,
        "market": spec.pool.market,
        "instance_type": spec.pool.instance_type,
        "zone": spec.pool.zone,
        "subnet": spec.subnet,
        "image": spec.image,
        "key_name": spec.key_name,
        "profile": spec.profile,
        "security_groups": [key for key, _ in spec.groups],
        "shutdown_behavior": spec.shutdown_behavior,
        "metadata": spec.metadata,
        "volumes": spec.volumes,
        "left_behind": disks.left_behind(spec.volumes) if machine.gone else [],
        "cpu_credits": spec.cpu_credits,
        "user_data": user_data,
        "tags": machine.tags,
        "volume_tags": spec.tags.get("volume", {}),
        "interface_tags": spec.tags.get("network-interface", {}),
        "private_ip": machine.private_ip,
        "ipv6": machine.ipv6,
        "public_ip": public_ip(machine),
        "private_dns": private_dns(machine, endless),
        "public_dns": public_dns(machine, endless),
        "token": machine.token,
        "fleet": machine.fleet,
    }


def _seed(state: State, said: Said) -> Said:
    return seeding.seed(state.store(said.get("region", seeding.REGION)))


def _queue(state: State, said: Said) -> Said:
    return {"path": seeding.queue(said.get("region", seeding.REGION), said.get("name", "spot"))}


def _templates(state: State, said: Said) -> Said:
    return {
        "templates": [
            {"region": region, "id": each.id, "name": each.name}
            for region in state.stores
            for each in world.templates(region)
        ]
    }


def _crashes(state: State, said: Said) -> Said:
    return {"crashes": state.crashes}


VERBS = {
    "advance": _advance,
    "backdate": _backdate,
    "calls": _calls,
    "capacity": _capacity,
    "configure": _configure,
    "crashes": _crashes,
    "fault": _fault,
    "faults": _faults,
    "instances": _instances,
    "interrupt": _interrupt,
    "power_off": _power_off,
    "queue": _queue,
    "rebalance": _rebalance,
    "reset": _reset,
    "seed": _seed,
    "templates": _templates,
}
