"""A Redis with the users that the Puppet module gives it, from the module's own data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from tests.servers import RedisServer

DATA = Path(__file__).parents[2] / "puppet/rolecall/data/acl.yaml"
SERVICE, PROVISIONER, READER = "rolecall-service", "rolecall-provisioner", "rolecall-reader"
ROOT = "root"
_NO_SELECTORS = str.maketrans("()", "  ")


def rules(*, before_7: bool = False) -> dict[str, list[str]]:
    """User -> words of Redis' ACL; as in the module, 6.2 has neither %R~ nor selectors."""
    found: dict[str, list[str]] = yaml.safe_load(DATA.read_text())["rolecall::redis::rules"]
    if not before_7:
        return found
    flat = {user: " ".join(words).translate(_NO_SELECTORS) for user, words in found.items()}
    return {user: words.replace("%R~", "~").split() for user, words in flat.items()}


def aclfile(folder: Path, *, before_7: bool = False) -> Path:
    """As the module writes it, and with a user for the tests, who may do everything."""
    lines = ["user default reset off", f"user {ROOT} reset on >{password(ROOT)} ~* +@all"]
    for user, words in rules(before_7=before_7).items():
        secret = hashlib.sha256(password(user).encode()).hexdigest()
        lines.append(f"user {user} reset on #{secret} {' '.join(words)}")
    path = folder / "redis.acl"
    path.write_text("\n".join(lines) + "\n")
    return path


def password(user: str) -> str:
    return f"{user}-password"


def login(user: str) -> str:
    return f"{user}:{password(user)}@"


def url(server: RedisServer, user: str) -> str:
    return f"redis://{login(user)}127.0.0.1:{server.port}/0"
