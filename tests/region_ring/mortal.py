"""Retires nodes in a process of its own, and kills itself right after one outside call.

    python -m tests.region_ring.mortal CALL NODE...

CALL is the method of a port (terminate, describe, clean, deactivate), or what the event of a
change of the store says (retiring, gone, archived). All is real but the moment of death.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from enc.domain.model import Node
from enc.inventory import Event
from enc.inventory.nodes import Nodes
from provisioner import wiring
from provisioner.cli.reporters import PlainReporter
from provisioner.ending.retire import retire
from provisioner.ports.ec2 import Cloud
from provisioner.ports.puppet import CA, PuppetDB
from provisioner.settings import Settings


@dataclass
class Mortal:
    """A port whose call of this name is the last."""

    port: Any
    last: str

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            answer = getattr(self.port, name)(*arguments)
            die_after(name, self.last)
            return answer

        return call


class MortalNodes(Nodes):
    last = ""

    def change(self, node: Node, event: Event, **changes: Any) -> Node:
        changed = super().change(node, event, **changes)
        die_after(event.what, self.last)
        return changed

    def archive(self, node: Node, event: Event) -> None:
        super().archive(node, event)
        die_after(event.what, self.last)


def die_after(call: str, last: str) -> None:
    if call == last:
        os.kill(os.getpid(), signal.SIGKILL)


def main(last: str, *names: str) -> None:
    settings = Settings.read(os.environ)
    store = wiring.begun_inventory(settings)
    nodes = MortalNodes(store.redis)
    nodes.last = last
    made = wiring.context(settings, store, PlainReporter(lambda: 0.0), nullcontext)
    context = replace(
        made,
        inventory=replace(store, nodes=nodes),
        cloud=cast("Cloud", Mortal(made.cloud, last)),
        ca=cast("CA", Mortal(made.ca, last)),
        puppetdb=cast("PuppetDB", Mortal(made.puppetdb, last)),
    )
    drain = timedelta(0)
    retire(context, store.nodes.many(names), drain=lambda _: drain, why=f"ended by {context.who}")


if __name__ == "__main__":
    main(*sys.argv[1:])
