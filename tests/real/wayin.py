"""The README's way of joining a puppetserver that has agents, followed to the letter."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real.puppethost import Applied, PuppetHost

README = Path(__file__).parents[2] / "README.md"
MANIFESTS = "/etc/puppet/code/environments/production/manifests"
# Two JVMs start, and a role's classes are looked for.
SECONDS = 240


def steps() -> dict[str, list[str]]:
    """The blocks of README's section "With Puppet" by their language, in order."""
    section = README.read_text().split("### With Puppet", 1)[1].split("\n### ", 1)[0]
    found: dict[str, list[str]] = {}
    for language, text in re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL):
        found.setdefault(language, []).append(text)
    return found


JOIN = steps()["puppet"][0]
_, FILL, GO = steps()["sh"]
SWITCH = steps()["yaml"][0]

Run = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class WayIn:
    """What an agent of the site, and we, saw before the switch."""

    joined: Applied
    conf: str
    agent: Run
    catalogue: str
    filled: Run


def come_in(host: PuppetHost, catalogue: str) -> WayIn:
    """All but the switch. ``roles.yaml`` and ``nodes.pp`` lie in MANIFESTS."""
    joined = host.apply(JOIN)
    conf = host.read("/etc/puppet/puppet.conf")
    agent = run_agent(host)
    seen = host.read(catalogue) if agent.returncode in {0, 2} else ""
    return WayIn(joined, conf, agent, seen, shell(host, FILL))


def run_agent(host: PuppetHost) -> Run:
    return host.run(["puppet", "agent", "--test", "--color=false"], check=False, seconds=SECONDS)


def shell(host: PuppetHost, lines: str) -> Run:
    """A block of README's, up to the first line that fails."""
    script = f"cd {MANIFESTS}\n{lines}"
    return host.run(["sh", "-e", "-x", "-c", script], check=False, seconds=SECONDS)
