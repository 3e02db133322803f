"""What is done to machines: ending, stopping, starting, tagging."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.region.launching import dry_run
from tests.region.machines import ITSELF, SPOT, USER, Machine, Reason, Step
from tests.region.state import State, Store
from tests.region.views import state as state_view
from tests.region.wire import ApiError, Reply, Request, answer, done

TAGS_MAX, KEY_MAX, VALUE_MAX = 50, 128, 256


def _why(state: State) -> str:
    wall = state.clock.wall(state.config.clock_skew_s)
    return f"User initiated ({wall:%Y-%m-%d %H:%M:%S} GMT)"


def end(state: State, machine: Machine, reason: Reason = USER) -> None:
    why = "Server.SpotInstanceTermination" if reason is SPOT else _why(state)
    machine.end(state.clock.now(), state.config.shutdown_s, reason, why)
    _settle(state, machine)


def stop(state: State, machine: Machine, reason: Reason = USER) -> None:
    machine.stop(state.clock.now(), state.config.stopping_s, reason, _why(state))
    _settle(state, machine)


def power_off(state: State, machine: Machine) -> None:
    """``poweroff`` inside the machine: ends or stops it, as it was launched to."""
    (end if machine.spec.shutdown_behavior == "terminate" else stop)(state, machine, ITSELF)


def interrupt(state: State, machine: Machine, notice_s: float) -> None:
    """EC2 takes the spot machine back when the notice is over."""
    at = state.clock.now() + notice_s
    machine.reason = "Server.SpotInstanceTermination"
    last = at + state.config.shutdown_s
    machine.due += [Step(at, "shutting-down", SPOT), Step(last, "terminated", SPOT)]
    machine.due.sort(key=lambda step: step.at)
    _settle(state, machine)


def _settle(state: State, machine: Machine) -> None:
    state.store(machine.region).settle(state.clock.now())


def _change(
    key: str, action: str, check: Callable[[Machine], None], act: Callable[[State, Machine], None]
) -> Callable[[State, Store, Request], Reply]:
    """A call on machines: all of them are found and allowed before the first is touched."""

    def call(state: State, store: Store, request: Request) -> Reply:
        ids = request.params.get("InstanceIds") or []
        if not ids:
            raise ApiError("MissingParameter", "The request must contain the parameter InstanceId")
        machines = store.find(ids, state.clock.now())
        for machine in machines:
            check(machine)
        if request.dry_run:
            raise dry_run()
        return answer(action, {"instancesSet": [one(state, each) for each in machines]})

    def one(state: State, machine: Machine) -> dict[str, Any]:
        before = state_view(machine.state)
        act(state, machine)
        after = before if machine.state == before["name"] else state_view(key)
        return {"instanceId": machine.id, "currentState": after, "previousState": before}

    return call


def _may_end(machine: Machine) -> None:
    if machine.protected and machine.alive:
        text = (
            f"The instance '{machine.id}' may not be terminated. Modify its "
            "'disableApiTermination' instance attribute and try again."
        )
        raise ApiError("OperationNotPermitted", text)


def _may_stop(machine: Machine) -> None:
    if machine.spec.pool.market == "spot":
        text = f"You can't stop the Spot Instance '{machine.id}': its request is one-time."
        raise ApiError("UnsupportedOperation", text)
    _alive(machine)


def _may_start(machine: Machine) -> None:
    if machine.state not in ("stopped", "pending", "running"):
        _wrong_state(machine)


def _alive(machine: Machine) -> None:
    if not machine.alive:
        _wrong_state(machine)


def _wrong_state(machine: Machine) -> None:
    text = f"The instance '{machine.id}' is not in a state from which it can do this."
    raise ApiError("IncorrectInstanceState", text)


def _start(state: State, machine: Machine) -> None:
    if machine.state == "stopped":
        machine.start(state.clock.now(), state.config.pending_s)
        _settle(state, machine)


terminate_instances = _change("shutting-down", "TerminateInstances", _may_end, end)
stop_instances = _change("stopping", "StopInstances", _may_stop, stop)
start_instances = _change("pending", "StartInstances", _may_start, _start)


def reboot_instances(state: State, store: Store, request: Request) -> Reply:
    for machine in store.find(request.params.get("InstanceIds") or [], state.clock.now()):
        _alive(machine)
    return done("RebootInstances")


def ours(ids: Iterable[str]) -> bool:
    """Tags of machines are ours, all others moto's; a call for both kinds is not simulated."""
    kinds = {each.startswith("i-") for each in ids}
    if len(kinds) > 1:
        raise ApiError("UnsupportedOperation", "The simulated region tags machines apart.")
    return kinds == {True}


def create_tags(state: State, store: Store, request: Request) -> Reply:
    machines = store.find(request.params["Resources"], state.clock.now())
    tags = {each["Key"]: each.get("Value", "") for each in request.params.get("Tags") or []}
    for machine in machines:
        check_tags({**machine.tags, **tags}, tags)
    if request.dry_run:
        raise dry_run()
    for machine in machines:
        machine.tags.update(tags)
    return done("CreateTags")


def check_tags(together: dict[str, str], new: dict[str, str]) -> None:
    """Keys, values and how many: EC2's bounds.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
    """
    for key, value in new.items():
        if key.startswith("aws:") or not 0 < len(key) <= KEY_MAX:
            raise ApiError("InvalidParameterValue", f"Tag key {key} is not allowed.")
        if len(value) > VALUE_MAX:
            text = f"Tag value exceeds the maximum length of {VALUE_MAX} characters"
            raise ApiError("InvalidParameterValue", text)
    if sum(not key.startswith("aws:") for key in together) > TAGS_MAX:
        text = "The maximum number of Tags for a resource has been reached."
        raise ApiError("TagLimitExceeded", text)


def delete_tags(state: State, store: Store, request: Request) -> Reply:
    for machine in store.find(request.params["Resources"], state.clock.now()):
        for tag in request.params.get("Tags") or []:
            if tag.get("Value", machine.tags.get(tag["Key"])) == machine.tags.get(tag["Key"]):
                machine.tags.pop(tag["Key"], None)
    return done("DeleteTags")


def modify_attribute(state: State, store: Store, request: Request) -> Reply:
    """Termination protection; nothing else of a machine can be changed here."""
    said = request.params.get("DisableApiTermination")
    if said is None:
        raise ApiError("UnsupportedOperation", "The simulated region changes protection only.")
    for machine in store.find([request.params["InstanceId"]], state.clock.now()):
        machine.protected = bool(said["Value"])
    return done("ModifyInstanceAttribute")
