"""Files of node definitions: one with every kind, and one as shell scripts leave it behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY = Path(__file__).parent / "every.pp"
EVERY_DUMP = Path(__file__).parent / "every.json"

# What stands above, and is for every node.
TOP = "# Nodes of the house. Do not edit by hand!\n$site = 'lyon'\n\n"
DEFAULT = "node default { }\n"
MODULES = {
    "base": 'class base($level = 1) { notify { "base ${level}": } }\n',
    "web": "class web($port = 80, $extra = {}, $flag = 'unset') {\n"
    "  include base\n"
    '  notify { "web ${port} ${extra} ${flag} ${tier} ${site}": }\n}\n',
    "ntp": "class ntp { }\n",
}


@dataclass(frozen=True)
class Sick:
    """``whole`` is the file with its faults, ``healthy`` the same without those."""

    whole: str
    healthy: str
    names: tuple[str, ...]


def write_modules(folder: Path) -> Path:
    for name, text in MODULES.items():
        manifests = folder / name / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "init.pp").write_text(text)
    return folder


def sick(count: int, live: Sequence[str] = (), dead: Sequence[str] = ()) -> Sick:
    """``count`` good entries, ``live`` and ``dead`` EC2 names, and every fault between them."""
    names = [f"host{n:04}.example.com" for n in range(count)] + list(live)
    good = [entry(number, name) for number, name in enumerate(names)]
    bad = [
        "node 'twice.example.com' { include web }\n",
        "node 'twice.example.com' { include web }\n",
        "node 'differs.example.com' { include web }\nnode 'DIFFERS.example.com' { include ntp }\n",
        "node '' { include web }\n",
        *(f"node '{name}' {{ include web }}\n" for name in dead),
    ]
    mixed = list(good)
    for number, fault in enumerate(bad):
        mixed.insert((number + 1) * len(good) // (len(bad) + 1), fault)
    tail = "\n" + DEFAULT
    return Sick(TOP + "".join(mixed) + tail, TOP + "".join(good) + tail, tuple(names))


def entry(number: int, name: str) -> str:
    """As a script writes it, or a person later made it."""
    shapes = (
        f"node '{name}' {{ include web }}\n",
        f"node '{name}' {{ include web, base }}   # by hand\n",
        f"node '{name.upper()}' {{\n  include ['base', '::ntp']\n}}\n",
        f"node '{name}' {{\n  $tier = 'tier{number % 3}'\n  include web\n}}\n",
        f"node '{name}' {{ contain web }}\n",
        f"node '{name}' {{\n  class {{ 'base': level => 2 }}\n  include web\n}}\n",
        (
            f"node '{name}' {{ class {{ 'web': port => {8000 + number % 5}, flag => undef,\n"
            '  extra => { \'a\' => [1, 2.5, true, undef, "yes"], b => "${site}-x" } } }\n'
        ),
    )
    return shapes[number % len(shapes)]
