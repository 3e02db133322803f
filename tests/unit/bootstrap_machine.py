"""Readers of user-data for tests, and a folder that stands for a machine's disk."""

import base64
import email
import gzip
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from provisioner.bootstrap import Bootstrap, render

KEY = "0123456789abcdef" * 4
PEM = "-----BEGIN CERTIFICATE-----\nTm90IGEgcmVhbCBvbmU=\n-----END CERTIFICATE-----\n"
PLAIN = Bootstrap(
    launch_key=KEY,
    puppet_host="puppet.example.com",
    puppet_address="10.0.0.10",
    puppet_port=8140,
    ca_pem=PEM,
    install="packages",
    package="puppet-agent",
    run_puppet=True,
    expires_at=None,
    extra_user_data=None,
)
# libyaml's where PyYAML has it: what Python reads a character at a time takes ten times as long.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INSTANCE = "i-0123456789abcdef0"
# The script's last lines: what is before them is functions.
DISPATCH = "\ncase ${1:-} in\nstart"
SETTINGS = (
    "RUN_PUPPET",
    "PUPPET_HOST",
    "PUPPET_ADDRESS",
    "PUPPET_PORT",
    "PIN_CA",
    "INSTALL",
    "PACKAGE",
    "APT_RELEASE",
    "APT_HOSTS",
    "YUM_RELEASE",
    "EXPIRES_AT",
    "EXPIRES_CALENDAR",
)


def config_of(text: str) -> Any:
    assert text.startswith("#cloud-config\n")
    return yaml.load(text, Loader=LOADER)


@cache
def files_of(text: str) -> dict[str, dict[str, str]]:
    """For reading: the next one gets the same."""
    files = config_of(text)["write_files"]
    return {file["path"].removeprefix("/var/lib/rolecall/"): file for file in files}


def settings_of(text: str) -> dict[str, str]:
    """What a shell reads out of the settings, and that reading them does nothing else."""
    body = files_of(text)["settings"]["content"]
    show = "".join(f'printf "%s\\0" "${name}"\n' for name in SETTINGS)
    with TemporaryDirectory() as empty:
        done = subprocess.run(
            ["sh", "-eu"],
            check=False,
            input=f"{body}{show}".encode(),
            capture_output=True,
            cwd=empty,
        )
        assert not list(Path(empty).iterdir())
    assert (done.returncode, done.stderr) == (0, b"")
    return dict(zip(SETTINGS, done.stdout.decode().split("\0"), strict=False))


def script_of(text: str) -> str:
    file = files_of(text)["bootstrap"]
    assert file["encoding"] == "gz+b64"
    return gzip.decompress(base64.b64decode(file["content"])).decode()


def parts_of(text: str) -> list[Any]:
    message = email.message_from_string(text)
    assert message.is_multipart()
    assert not message.defects
    return list(message.get_payload())


class Machine:
    """A folder as a machine after cloud-init's write_files, and a shell to run pieces in."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root = root
        self.shell = shell
        self.calls = root / "calls"
        for folder in ("etc/systemd/system", "run", "var/log", "var/lib/cloud/data", "bin"):
            (root / folder).mkdir(parents=True)
        self.write("var/lib/cloud/data/instance-id", f"{INSTANCE}\n")

    def give(self, bootstrap: Bootstrap) -> "Machine":
        text = render(bootstrap)
        for name, file in files_of(text).items():
            self.write(f"var/lib/rolecall/{name}", file["content"])
        self.write("var/lib/rolecall/bootstrap", script_of(text))
        self.write("var/lib/rolecall/instance", f"{INSTANCE}\n")
        return self

    def write(self, path: str, text: str) -> Path:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
        return where

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def stub(self, name: str, body: str = "") -> None:
        line = f'#!/bin/sh\necho "{name} $*" >>{self.calls}\n{body}\n'
        self.write(f"bin/{name}", line).chmod(0o755)

    def piece(self, code: str, expect: int = 0) -> str:
        """Run shell code in the script's own context, without its dispatch at the end."""
        body, dispatch, _ = self.read("var/lib/rolecall/bootstrap").partition(DISPATCH)
        assert dispatch
        done = subprocess.run(
            [self.shell],
            check=False,
            input=f"{body}\nPATH={self.root}/bin:$PATH\n{code}\n",
            env={"ROLECALL_ROOT": str(self.root), "PATH": "/usr/bin:/bin"},
            text=True,
            capture_output=True,
            timeout=30,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout
