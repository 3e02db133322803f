"""The fleet section of a role as it is stored, also where parts of it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from enc.domain.rolespec import FleetSpec

# Of a role that is gone its nodes do not drain any more, and had the default's time.
GONE = FleetSpec.model_validate({"drain": "0s"})


def fleet_of(definition: Mapping[str, Any]) -> FleetSpec:
    """The fleet section of a stored role, as far as it can be read: the rest has its defaults.

    The provisioner takes a definition whole or not at all (``RoleSpec.of``); here one bad value
    must not hide the others. Raises nothing.
    """
    written = definition.get("fleet")
    given = written if isinstance(written, dict) else {}
    try:
        return FleetSpec.model_validate_json(json.dumps(given))
    except ValidationError:
        alone = {key: _alone(key, value) for key, value in given.items()}
        return FleetSpec.model_construct(**{k: getattr(one, k) for k, one in alone.items() if one})


def _alone(key: str, value: Any) -> FleetSpec | None:
    with suppress(ValidationError):
        return FleetSpec.model_validate_json(json.dumps({key: value}))
    return None
