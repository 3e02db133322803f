"""Holds, back-off, suspicions and certificate requests."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.context import Context
from provisioner.domain.actions import BackOff, Forgive, Recount, Resume, Sign, Stop, Suspect, Trust
from provisioner.domain.world import World
from provisioner.loop.acts.done import Done, Result, failed, left
from provisioner.ports.errors import PuppetError, advised
from provisioner.signing.sign import UNFINISHED, sign_those


def stop(context: Context, actions: Sequence[Stop], _: World) -> list[Done]:
    """Not over a hold that somebody has put there meanwhile."""
    there = context.inventory.holds.all([one.hold.role for one in actions])
    done = []
    for one in actions:
        if one.hold.role in there:
            done.append(left(one, "it is held already"))
            continue
        context.reporter.say(f"warning: {one.hold.role} is held: {one.hold.why}")
        context.inventory.holds.put(one.hold, context.event("held", why=one.hold.why))
        done.append(Done(action=one))
    return done


def resume(context: Context, actions: Sequence[Resume], _: World) -> list[Done]:
    done = []
    for one in actions:
        lifted = context.inventory.holds.lift(one.hold, context.event("resumed", why=one.reason))
        done.append(Done(action=one) if lifted else left(one, "it was changed meanwhile"))
    return done


def count(context: Context, actions: Sequence[BackOff | Forgive], _: World) -> list[Done]:
    for one in actions:
        what = "backing off" if isinstance(one, BackOff) else "failures forgotten"
        context.inventory.backoffs.put(one.backoff, context.event(what, why=one.reason))
    return [Done(action=one) for one in actions]


def recount(context: Context, actions: Sequence[Recount], _: World) -> list[Done]:
    """Not what was changed while we counted: the next pass counts again."""
    done = []
    for one in actions:
        event = context.event("recounted", role=one.name, why=one.reason)
        right = context.inventory.counts.put_right(one.name, event)
        done.append(Done(action=one) if right else left(one, "it was changed meanwhile"))
    return done


def suspect(context: Context, actions: Sequence[Suspect], _: World) -> list[Done]:
    # By the clock that all hosts share.
    context.inventory.suspects.add([one.what for one in actions], context.store_time())
    return [Done(action=one) for one in actions]


def trust(context: Context, actions: Sequence[Trust], _: World) -> list[Done]:
    context.inventory.suspects.clear([one.what for one in actions])
    return [Done(action=one) for one in actions]


def sign(context: Context, actions: Sequence[Sign], _: World) -> list[Done]:
    """Each is judged anew, by what the store and the CA say now."""
    if context.ca is None:
        return [left(one, "there is no CA") for one in actions]
    by_name = {one.node.certname: one for one in actions}
    done = []
    try:
        for judged in sign_those(context, context.ca, list(by_name)):
            came = Result.FAILED if judged.done in UNFINISHED else Result.DONE
            said = judged.why.removeprefix(f"{judged.certname}: ")
            one = by_name.pop(judged.certname)
            done.append(Done(action=one, result=came, said=f"{judged.done}: {said}"))
    except PuppetError as error:
        return [*done, *(failed(one, advised(error)) for one in by_name.values())]
    return [*done, *(left(one, "its request is gone") for one in by_name.values())]
