r"""A Ruby process that applies our resources to files, as `puppet apply` does, without its start.

with ConfDriver.start() as puppet:
    file = SiteFile(puppet, tmp_path / "puppet.conf", "[server]\n")
    file.put({"section": "server", "setting": "node_terminus", "value": "rolecall"})
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

DRIVER = Path(__file__).parent / "ruby" / "conf_driver.rb"
MODULES = (Path(__file__).parents[2] / "puppet", Path("/usr/share/puppet/modules"))
LIBS = (MODULES[0] / "rolecall/lib", MODULES[1] / "inifile/lib")
SETTING = "rolecall_setting"
ANSWER_SECONDS = 60
Resource = tuple[str, str, dict[str, Any]]
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Applied:
    """Titles of what was changed and what failed, and what Puppet said ("notice: ...")."""

    changed: list[str]
    failed: list[str]
    logs: list[str]

    @property
    def said(self) -> str:
        return "\n".join(self.logs)


NOTHING = Applied([], [], [])


class ConfDriver:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def start(cls) -> Iterator[Self]:
        with tempfile.TemporaryDirectory(prefix="rolecall-puppet-") as folder:
            words = [word for lib in LIBS for word in ("-I", str(lib))]
            process = subprocess.Popen(
                ["ruby", *words, str(DRIVER), folder, ":".join(map(str, MODULES))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # As a service of systemd has it: nothing says which encoding files are in.
                env={"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C"},
            )
            try:
                driver = cls(process)
                driver._read()
                yield driver
            finally:
                process.kill()
                process.communicate()

    def apply(self, resources: Sequence[Resource], *, noop: bool = False) -> Applied:
        assert self._process.stdin is not None
        request = json.dumps({"resources": resources, "noop": noop})
        self._process.stdin.write(request.encode() + b"\n")
        self._process.stdin.flush()
        return Applied(**self._read())

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError("no answer from Ruby")
        answer: dict[str, Any] = json.loads(line)
        return answer


class SiteFile:
    """A file of the site's, with what our resources of one type make of it."""

    def __init__(
        self, puppet: ConfDriver, path: Path, text: str | bytes, kind: str = SETTING
    ) -> None:
        self._puppet = puppet
        self._kind = kind
        self.path = path
        self.store = path.with_name(f"{path.name}.before.json")
        self.original = text.encode() if isinstance(text, str) else text
        path.write_bytes(self.original)

    def put(self, *parameters: Parameters, **more: Any) -> Applied:
        return self._apply(parameters, **more)

    def put_back(self, *parameters: Parameters, **more: Any) -> Applied:
        return self._apply([each | {"ensure": "absent"} for each in parameters], **more)

    def _apply(self, parameters: Sequence[Parameters], *, noop: bool = False) -> Applied:
        return self._puppet.apply([self._resource(each) for each in parameters], noop=noop)

    def _resource(self, parameters: Parameters) -> Resource:
        title = parameters.get("setting", "rules")
        return (self._kind, title, {"path": str(self.path), "store": str(self.store)} | parameters)

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def remembered(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.store.read_text()) if self.store.exists() else {}
        return found

    def write(self, text: str) -> None:
        """As somebody else does."""
        self.path.write_text(text)


def assert_comes_and_goes(file: SiteFile, *parameters: Parameters) -> str:
    """Changed once, not in a dry run and not again, and then put back. Returns the changed text."""
    assert file.put(*parameters, noop=True).failed == []
    assert (file.data, file.remembered) == (file.original, {})

    first = file.put(*parameters)
    assert first.failed == [], first.said
    changed = file.data
    assert (file.put(*parameters), file.data) == (NOTHING, changed)

    last = file.put_back(*parameters)
    assert (last.failed, file.data, file.remembered) == ([], file.original, {}), last.said
    assert file.put_back(*parameters) == NOTHING
    return changed.decode(errors="surrogateescape")
