"""Catalogues from the real compiler, hundreds of them by one Ruby process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.rubydriver import LOCALE, MODULE_LIB, MRI
from tests.service.enc_script import COMMAND

DRIVER = Path(__file__).parent / "ruby" / "compile_driver.rb"
SECONDS = 280


@dataclass(frozen=True)
class Compiler:
    """An environment with modules. ``folder`` is the driver's to work in.

    A variable that nobody set is an error where it is ``strict``, as Puppet 8 has it by default.
    """

    folder: Path
    modules: Path
    strict: bool = False

    def compile(
        self, manifest: Path, nodes: Iterable[str], *, enc_url: str = "", terminus: str = "exec"
    ) -> dict[str, dict[str, Any]]:
        """By certname: ``classes`` and ``resources``, or ``error``.

        With ``enc_url``, by our ENC: the script, or the terminus ``rolecall``, which is faster.
        """
        request = {
            "folder": str(self.folder),
            "modules": str(self.modules),
            "manifest": str(manifest),
            "nodes": list(nodes),
            "enc": " ".join(COMMAND),
            "terminus": terminus if enc_url else None,
            "strict": self.strict,
        }
        done = subprocess.run(
            [*MRI, "-I", str(MODULE_LIB), str(DRIVER)],
            input=json.dumps(request),
            env={
                **os.environ,
                **LOCALE,
                "HOME": str(self.folder),
                "ENC_CONF": "/nonexistent/enc.conf",
                "ENC_URL": enc_url,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if done.returncode:
            raise AssertionError(f"the compiler ended with {done.returncode}: {done.stderr}")
        found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return found
