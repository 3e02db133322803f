"""A roles file of roles that only classify, for a person to review and for ``loading`` to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from enc.outputs.yamltext import dump
from provisioner.rolesfile.loading import RolesFile, load
from provisioner.rolesfile.problems import RolesFileError

_WIDTH = 100


def text(roles: Mapping[str, Mapping[str, Any]], comment: Iterable[str] = ()) -> str:
    """``roles`` are keys of a role by its name, ``comment`` lines that stand above.

    ``launch: null`` lets each stand below the ``defaults`` of another file, too.
    """
    whole = {name: {**keys, "launch": None} for name, keys in roles.items()}
    # Copied: what stands in it twice would become an anchor and an alias.
    copied = json.loads(json.dumps({"roles": whole}))
    return "".join(f"# {line}\n" for line in comment) + dump(copied, width=_WIDTH)


def unfit(keys: Mapping[str, Any]) -> str:
    """Why ``roles apply`` would not take a role with these keys as they are; "" where it does."""
    try:
        read = _read(text({"imported": keys}))
    except RolesFileError as error:
        problem = error.problems[0]
        where = problem.path.removeprefix("roles.imported").removeprefix(".")
        told = str(problem).removeprefix(f"{problem.path}: ")
        return f"a role cannot have it: {where}: {told}" if where else f"a role cannot: {told}"
    except (ValueError, yaml.YAMLError) as error:
        return f"roles.yaml has no form for it: {' '.join(str(error).split())[:200]}"
    stored = read.roles["imported"].definition()
    same = all(_as_json(stored[key]) == _as_json(given) for key, given in keys.items())
    return "" if same else "roles.yaml has no form for one of its values"


def refused(written: str) -> str:
    """Why ``roles apply`` would not take a whole file that ``text`` made; "" where it does."""
    try:
        _read(written)
    except RolesFileError as error:
        return str(error.problems[0])
    return ""


def _read(written: str) -> RolesFile:
    return load(written, source="roles.yaml", read_file=_nothing)


def _nothing(path: str) -> str:
    raise FileNotFoundError(path)


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
