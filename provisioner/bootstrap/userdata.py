"""The text that EC2 hands to a machine: cloud-config, and a MIME message where a part is added."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import math
import shlex
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import yaml

from enc.domain.rolefields import CLOUD_CONFIG, user_data_kind
from provisioner.bootstrap import repositories
from provisioner.bootstrap.errors import UserDataTooLarge
from provisioner.bootstrap.values import Bootstrap, certificates, check

# "User data is limited to 16 KB, in raw form, before it is base64-encoded":
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
LIMIT = 16384

STATE = "/var/lib/rolecall"
SCRIPT = f"{STATE}/bootstrap"

# An image may start a baked agent at boot, as the machine that it was baked from. bootcmd runs
# before anything that needs the network, at every boot; the script lifts the mask in time.
MASK = (
    "[ ! -d /run/systemd/system ] ||"
    f' [ "$(cat {STATE}/bootstrapped 2>&1)" = "$(cat /var/lib/cloud/data/instance-id)" ] ||'
    " systemctl mask --runtime puppet.service || :"
)

# write_files makes folders and files that everybody may read, and takes that away afterwards.
# bootcmd comes before it.
CLOSE = ["install", "-d", "-m", "0700", STATE]

# Ours stays where both say something, and lists of the user's come after ours:
# https://docs.cloud-init.io/en/latest/reference/merging.html
MERGE = "dict(no_replace,recurse_list)+list(append)+str()"
# Scripts of the final stage run in the order of their names, and runcmd's is `runcmd`.
EXTRA_NAME = "user-data-of-the-role"


def render(bootstrap: Bootstrap) -> str:
    """User-data as text, not base64. The same values give the same text.

    Raises ImpossibleValueError for a value that no machine could use, and UserDataTooLarge
    over LIMIT bytes; both are BootstrapError, a ValueError.
    """
    check(bootstrap)
    text = _cloud_config(bootstrap)
    if bootstrap.extra_user_data is not None:
        text = _message(text, bootstrap.extra_user_data)
    size = len(text.encode())
    if size > LIMIT:
        raise UserDataTooLarge(size, LIMIT, **_parts(bootstrap))
    return text


def _parts(bootstrap: Bootstrap) -> dict[str, int]:
    """The bytes that others have given, as they are sent."""
    extra = _encoded(bootstrap.extra_user_data)[0] if bootstrap.extra_user_data else ""
    ca = certificates(bootstrap.ca_pem) if bootstrap.ca_pem and bootstrap.run_puppet else ""
    return {"ca": len(ca.encode()), "extra": len(extra.encode())}


def _cloud_config(bootstrap: Bootstrap) -> str:
    config: dict[str, Any] = {"manage_etc_hosts": False, "bootcmd": [CLOSE]}
    if bootstrap.run_puppet:
        config["bootcmd"].append(["/bin/sh", "-c", MASK])
    config["write_files"] = _files(bootstrap)
    config["runcmd"] = [["/bin/sh", SCRIPT, "start"]]
    ahead, runcmd, start = _yaml(config).rpartition("runcmd:\n")
    return f"{CLOUD_CONFIG}\n{ahead}{_script_file()}{runcmd}{start}"


def _files(bootstrap: Bootstrap) -> list[dict[str, str]]:
    """What differs between machines; the script, which does not, comes after them."""
    files = [_file("settings", "0600", _settings(bootstrap))]
    if bootstrap.run_puppet:
        files.append(_file("launch-key", "0600", bootstrap.launch_key))
        if bootstrap.ca_pem is not None:
            files.append(_file("ca.pem", "0644", certificates(bootstrap.ca_pem)))
    return files


# A YAML writer in Python looks at each character: the script's take longer than all else.
@functools.cache
def _script_file() -> str:
    """The last of write_files, as the text of a list of it alone."""
    file = {"path": SCRIPT, "permissions": "0700", "encoding": "gz+b64", "content": _script()}
    return _yaml([file])


def _file(name: str, permissions: str, content: str) -> dict[str, str]:
    return {"path": f"{STATE}/{name}", "permissions": permissions, "content": content}


def _script() -> str:
    """The script packed: as it stands it would fill the limit by itself."""
    first, *lines = script_source().splitlines()
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    text = "\n".join([first, "# rolecall's bootstrap, without its comments", *code, ""])
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def script_source() -> str:
    """The bootstrap script with its comments: the templates, in the order of their names."""
    folder = resources.files("provisioner.bootstrap") / "templates"
    parts = {part.name: part for part in folder.iterdir() if part.name.endswith(".sh")}
    return "\n".join(parts[name].read_text(encoding="utf-8") for name in sorted(parts))


def _settings(bootstrap: Bootstrap) -> str:
    """What differs between launches, as assignments that any shell reads back unchanged."""
    values = {
        "RUN_PUPPET": "yes" if bootstrap.run_puppet else "",
        "PUPPET_HOST": bootstrap.puppet_host or "",
        "PUPPET_ADDRESS": bootstrap.puppet_address or "",
        "PUPPET_PORT": str(bootstrap.puppet_port),
        "PIN_CA": "yes" if bootstrap.ca_pem is not None else "",
        "INSTALL": bootstrap.install,
        **_packages(bootstrap),
        **_life(bootstrap.expires_at),
        "RETRY_FIRST": str(bootstrap.retry_first),
        "RETRY_CAP": str(bootstrap.retry_cap),
        "WAIT_FOR_CERT": str(bootstrap.wait_for_cert),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _packages(bootstrap: Bootstrap) -> dict[str, str]:
    repository = repositories.REPOSITORIES.get(bootstrap.install)
    hosts = [repository.apt] if repository else []
    if repository and bootstrap.repository:
        repository = repository.at(bootstrap.repository)
        hosts.append(repository.apt)
    default_of_another = bootstrap.install == "openvox" and bootstrap.package == repositories.PUPPET
    return {
        "PACKAGE": repositories.OPENVOX if default_of_another else bootstrap.package,
        "APT_RELEASE": repository.deb if repository else "",
        "APT_HOSTS": " ".join(urlsplit(host).hostname or "" for host in hosts),
        "YUM_RELEASE": repository.rpm if repository else "",
    }


def _life(expires_at: datetime | None) -> dict[str, str]:
    """Never earlier than asked for: a part of a second is rounded up."""
    if expires_at is None:
        return {"EXPIRES_AT": "", "EXPIRES_CALENDAR": ""}
    seconds = math.ceil(expires_at.timestamp())
    calendar = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"EXPIRES_AT": str(seconds), "EXPIRES_CALENDAR": calendar}


class _Dumper(yaml.SafeDumper):
    """Text of several lines as it stands, where YAML can carry it so."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(config: Any) -> str:
    return yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=LIMIT, default_flow_style=False)


def _message(ours: str, extra: str) -> str:
    """Both as a MIME message, ours first.

    Written out by hand: Python's own generator would draw its boundary at random.
    """
    theirs, encoding = _encoded(extra)
    digest = hashlib.sha256(f"{ours}\n{theirs}".encode()).hexdigest()
    boundary = f"=={digest[:32]}=="
    kind = user_data_kind(extra)
    return f"""\
Content-Type: multipart/mixed; boundary="{boundary}"
MIME-Version: 1.0

--{boundary}
Content-Type: text/cloud-config; charset="utf-8"
Content-Disposition: attachment; filename="rolecall"

{ours}
--{boundary}
Content-Type: text/{kind}; charset="utf-8"
Content-Transfer-Encoding: {encoding}
Content-Disposition: attachment; filename="{EXTRA_NAME}"
X-Merge-Type: {MERGE}

{theirs}
--{boundary}--
"""


def _encoded(text: str) -> tuple[str, str]:
    """As it stands only where every reader of mail gives the very same text back."""
    if text.isascii() and all(char.isprintable() or char in "\n\t" for char in text):
        return text, "7bit"
    return base64.encodebytes(text.encode()).decode().rstrip("\n"), "base64"
