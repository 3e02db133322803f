"""What a part of a path may be, beyond what Werkzeug knows."""

from __future__ import annotations

from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter


class Anything(BaseConverter):
    """What is left of the path, be it empty or begin with a slash; Werkzeug's own takes neither."""

    regex = ".*"
    part_isolating = False


def know_anything(state: BlueprintSetupState) -> None:
    """For ``Blueprint.record_once``: its routes may say ``<anything:name>``."""
    state.app.url_map.converters["anything"] = Anything
