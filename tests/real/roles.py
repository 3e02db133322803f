"""The roles of the real ring, and the class that shows what a manifest sees."""

from pathlib import Path
from typing import Any

from tests.region.handle import World

SEEN = "/root/seen"

# What is at top scope and where the code came from, as any manifest or Hiera sees it.
MANIFEST = f"""\
class seen {{
  $facts_of_rolecall = $rolecall.keys.sort.map |$key| {{ "$key=${{rolecall[$key]}}" }}
  file {{ '{SEEN}':
    content => "role=${{::role}} environment=${{environment}} ${{facts_of_rolecall.join(' ')}}
greeting=${{getvar('greeting')}}\\n",
  }}
}}
"""


def add_class(environments: Path) -> None:
    """Add the class `seen` to every environment."""
    for environment in environments.iterdir():
        manifests = environment / "modules" / "seen" / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "init.pp").write_text(MANIFEST)


def roles(
    world: World, puppet_server: dict[str, Any], changes: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """A roles file as a map: two roles that launch into `world`, `changes` laid over them."""
    launch = {
        "region": world.region,
        "subnets": world.one_per_zone,
        "security_groups": [world.security_group],
        "image": world.image,
        "instance_types": ["c5.large"],
        "market": "on-demand",
        # Its machines have an agent from the start, as this one has.
        "puppet": {"install": "none"},
        "puppet_server": puppet_server,
    }
    ours = {
        "pdf2swf": {"classes": {"role::pdf2swf": {"workers": 4}, "seen": {}}},
        "web": {"classes": {"role::web": {}, "seen": {}}},
    }
    return {
        "defaults": {"environment": "production", "launch": launch},
        "roles": {name: role | changes.get(name, {}) for name, role in ours.items()},
    }
