"""What may be meant as it stands in a role, and hardly is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from enc.domain.core_facts import FACTS
from enc.domain.rolefields import shown
from provisioner.rolesfile.yamltree import Tree

# $NAME$ is a macro to Nagios, and $$ a dollar sign:
# https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/macros.html
_NO_LONE_DOLLAR = re.compile(r"([^$]|\$[A-Za-z0-9_:.,-]*\$)*")


def doubts(role: Tree) -> Iterator[tuple[Tree, str, str]]:
    """Of a role that was checked, defaults and all: where, what, and what to do."""
    parameters, checks = role.value.get("parameters"), role.value.get("checks")
    for name, tree in parameters.value.items() if parameters else ():
        if name in FACTS:
            what = (
                f"{name} is a core fact, too: ${name} would be this value, and no longer the fact"
            )
            yield tree, what, "take another name"
    for check in checks.value if checks else ():
        command = check.value["command"]
        if not _NO_LONE_DOLLAR.fullmatch(command.value):
            what = f"{shown(command.value)} has a single $, which begins a macro in Nagios"
            yield command, what, "write $$ for a dollar sign"
