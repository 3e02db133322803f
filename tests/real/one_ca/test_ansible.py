"""A real Ansible with rolecall-inventory: it works on the right hosts, or on none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from enc.domain.model import State
from enc.inventory import Inventory, connect
from tests.builders import event, foreign, node, role
from tests.conftest import begin
from tests.servers import KEEPS_ALL, RedisServer, Service

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "puppet/rolecall/files/rolecall-inventory"
ONE, TWO, HOSTILE = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2", "db1.example.com"


class Setting:
    """``run`` is one of Ansible's programs, with the settings that the README gives."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.redis = RedisServer(folder / "redis", options=KEEPS_ALL).start()
        stack.callback(self.redis.end)
        self.inventory = Inventory.on(connect(self.redis.url, timeout=5))
        stack.callback(self.inventory.redis.close)
        begin(self.inventory)
        self.inventory.roles.apply([role(), role("db")], event())
        self.service = Service(folder / "s", self.redis.url).start()
        stack.callback(self.service.end)
        readme = (ROOT / "README.md").read_text()
        settings = readme.partition("```ini\n# ansible.cfg\n")[2].partition("```")[0]
        assert "/usr/local/bin/rolecall-inventory" in settings
        self.config = folder / "ansible.cfg"
        self.config.write_text(settings.replace("/usr/local/bin/rolecall-inventory", str(SCRIPT)))

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.config),
            "ANSIBLE_NOCOLOR": "1",
            "ROLECALL_URL": self.service.url,
        }
        return subprocess.run(
            [program, *words],
            env=env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def listed(self, *words: str) -> dict[str, Any]:
        done = self.run("ansible-inventory", "--list", *words)
        assert done.returncode == 0, done
        assert "WARNING" not in done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with ExitStack() as stack:
        yield Setting(tmp_path, stack)


@pytest.fixture
def filled(setting: Setting) -> Setting:
    store = setting.inventory.nodes
    store.create(node(ONE, private_ip="10.0.0.4"), event())
    store.create(node(TWO, role="db", private_ip="10.0.0.5", state=State.READY), event())
    return setting


def groups(found: dict[str, Any]) -> dict[str, list[str]]:
    return {name: group["hosts"] for name, group in found.items() if "hosts" in group}


def test_ansible_has_the_groups_and_variables_and_follows_the_fleet(filled: Setting) -> None:
    found = filled.listed()

    assert groups(found) == {
        "role_web": [ONE],
        "role_db": [TWO],
        "kind_extra": [ONE, TWO],
        "market_spot": [ONE, TWO],
        "state_running": [ONE],
        "state_ready": [TWO],
        "zone_us_east_1a": [ONE, TWO],
    }
    variables = found["_meta"]["hostvars"][ONE]
    assert variables["ansible_host"] == "10.0.0.4"
    assert variables["rolecall"]["role"] == "web"

    one = filled.inventory.nodes.get(ONE)
    assert one is not None
    filled.inventory.nodes.change(one, event(), state=State.DRAINING)
    assert set(filled.listed()["_meta"]["hostvars"]) == {TWO}


def exported(setting: Setting) -> str:
    """The file that `provisioner export ansible` writes."""
    file = setting.folder / "inventory.json"
    done = subprocess.run(
        [sys.executable, "-m", "provisioner.cli", "export", "ansible", "--output", str(file)],
        env={"PATH": os.environ["PATH"], "REDIS_URL": setting.redis.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return str(file)


def test_an_export_is_the_same_to_ansible(filled: Setting) -> None:
    assert filled.listed("-i", exported(filled)) == filled.listed()


def test_a_host_can_be_asked_for(filled: Setting) -> None:
    done = filled.run("ansible-inventory", "--host", TWO)

    assert json.loads(done.stdout)["rolecall"]["role"] == "db"


EVIL = "{{ lookup('pipe', 'touch %s; echo done') }}"
SHOW = ("-c", "local", "-m", "debug", "-a", "msg={{ rolecall.held }}")


def test_what_somebody_wrote_is_no_template(setting: Setting) -> None:
    """Beside an inventory that does not mark it, which Ansible does evaluate."""
    proof = setting.folder / "proof"
    setting.inventory.nodes.create(foreign(HOSTILE, held=EVIL % proof), event())

    done = setting.run("ansible", HOSTILE, *SHOW)
    assert done.returncode == 0, done
    assert "lookup('pipe'" in done.stdout
    assert not proof.exists()

    unmarked = setting.folder / "unmarked.json"
    hosts = {HOSTILE: {"rolecall": {"held": EVIL % proof}}}
    unmarked.write_text(json.dumps({"all": {"hosts": hosts}}))
    done = setting.run("ansible", HOSTILE, "-i", str(unmarked), *SHOW)
    assert done.returncode == 0, done
    assert proof.exists()


def test_what_somebody_wrote_is_no_template_in_an_export_either(setting: Setting) -> None:
    proof = setting.folder / "proof"
    setting.inventory.nodes.create(foreign(HOSTILE, held=EVIL % proof), event())

    done = setting.run("ansible", HOSTILE, "-i", exported(setting), *SHOW)
    assert "lookup('pipe'" in done.stdout
    assert not proof.exists()


def test_roles_that_ansible_calls_alike_are_never_one_group(setting: Setting) -> None:
    setting.inventory.roles.apply([role("a-b"), role("a_b")], event())
    setting.inventory.nodes.create(node(ONE, role="a-b"), event())
    setting.inventory.nodes.create(node(TWO, role="a_b"), event())

    done = setting.run("ansible", "role_a_b", "--list-hosts")
    assert "hosts (0)" in done.stdout
    found = groups(setting.listed())
    assert sorted(hosts for name, hosts in found.items() if name.startswith("role_a_b_")) == [
        [ONE],
        [TWO],
    ]


def test_while_the_store_is_away_ansible_fails_and_works_on_nothing(filled: Setting) -> None:
    playbook = filled.folder / "site.yaml"
    task = {"ansible.builtin.debug": {"msg": "at work"}}
    playbook.write_text(
        json.dumps(
            [{"hosts": "all", "gather_facts": False, "connection": "local", "tasks": [task]}]
        )
    )
    assert filled.run("ansible-playbook", str(playbook)).returncode == 0

    filled.redis.kill()
    done = filled.run("ansible-playbook", str(playbook))
    assert done.returncode != 0
    assert "at work" not in done.stdout
    assert "rolecall-inventory: " in done.stderr

    filled.redis.start()
    filled.inventory.redis.delete("meta")
    lost = filled.run("ansible-playbook", str(playbook))
    assert lost.returncode != 0
    assert "provisioner init" in lost.stderr.replace("\n", " ")

    begin(filled.inventory)
    assert filled.run("ansible-playbook", str(playbook)).stdout.count("at work") == 2
