"""YAML that each of its readers takes for the same.

PyYAML reads and writes YAML 1.1, to which ``1e3`` and ``0o17`` are texts. To YAML 1.2 they are
numbers: https://yaml.org/spec/1.2.2/#1032-tag-resolution
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

# What PyYAML itself takes for a number is never asked for this.
NUMBER = "tag:yaml.org,2002:number"
_NUMBER = re.compile(r"(?:[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+)\Z")
_FIRST = list("+-.0123456789")
# Texts to PyYAML that are none to Psych (4.0), by which Puppet reads: numbers with commas, words in
# mixed capitals, short dates.
RUBYS = "tag:yaml.org,2002:rubys"
_RUBYS = re.compile(
    r"(?:[-+]?[0-9][0-9_]*(,[0-9_]+)+,?(\.[0-9]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"|(?i:yes|no|true|false|on|off|null))\Z"
)
_RUBYS_FIRST = list("+-0123456789yYnNtTfFoO")


@cache
def knowing(base: Any) -> Any:
    """A loader or dumper of PyYAML's that knows what others read; a dumper quotes such a text."""
    made: Any = type(base.__name__, (base,), {})
    made.add_implicit_resolver(NUMBER, _NUMBER, _FIRST)
    made.add_implicit_resolver(RUBYS, _RUBYS, _RUBYS_FIRST)
    return made


def dump(value: Any, *, as_it_is: bool = True, width: int = 80) -> str:
    """``as_it_is`` leaves what is not ASCII unescaped."""
    # libyaml's is ten times as fast, and missing where PyYAML was built without it.
    dumper = knowing(getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    text: str = yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=as_it_is, width=width
    )
    return text
