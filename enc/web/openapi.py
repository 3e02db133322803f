"""The API's description in OpenAPI 3.1, from the tables that its requests are checked by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from enc.web.documents import (
    BAD_PARAMETER,
    MEDIA_TYPE,
    OTHER_SITE,
    STORE_CORRUPT,
    STORE_LOST,
    STORE_SCHEMA,
    STORE_UNAVAILABLE,
    Kind,
)
from enc.web.operations import Operation
from enc.web.parameters import Parameter
from enc.web.schemas import components, ref

_ALWAYS = (
    *(BAD_PARAMETER, STORE_UNAVAILABLE, STORE_LOST, STORE_SCHEMA, STORE_CORRUPT, OTHER_SITE),
)


def openapi(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rolecall's inventory",
            "version": version,
            "description": "Who the machines are, why they are here, and what became of them. "
            "Nothing here changes anything. Errors are problem documents (RFC 9457); a store that "
            "cannot be read is a 503, never an empty list.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {one.path: {"get": _operation(one)} for one in operations},
        "components": {"schemas": components()},
    }


def _operation(one: Operation) -> dict[str, Any]:
    return {
        "operationId": _id(one.path),
        "summary": one.summary,
        "parameters": [*_places(one), *map(_parameter, one.parameters)],
        "responses": {
            "200": {"description": "As asked", "content": _content(one.media_type, one.answer)},
            **dict(_problems((*one.problems, *_ALWAYS))),
        },
    }


def _id(path: str) -> str:
    return path.removeprefix("/v1/").replace("/", "_").replace("{", "").replace("}", "")


def _places(one: Operation) -> Iterator[dict[str, Any]]:
    for name, about in one.places.items():
        schema = {"type": "string", "minLength": 1}
        yield {"in": "path", "name": name, "required": True, "description": about, "schema": schema}


def _parameter(one: Parameter) -> dict[str, Any]:
    return {"in": "query", "name": one.name, "description": one.about, "schema": dict(one.schema)}


def _problems(kinds: Iterable[Kind]) -> Iterator[tuple[str, dict[str, Any]]]:
    """By status: several kinds may have one."""
    found: dict[int, list[Kind]] = {}
    for kind in kinds:
        found.setdefault(kind.status, []).append(kind)
    for status, those in sorted(found.items()):
        said = "; ".join(f"{kind.title} (`{kind.slug}`)" for kind in those)
        yield str(status), {"description": said, "content": _content(MEDIA_TYPE, ref("Problem"))}


def _content(media_type: str, schema: Any) -> dict[str, Any]:
    return {media_type: {"schema": schema}}
