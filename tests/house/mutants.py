"""Would a test notice? A seeded sample of small faults in the rules: ``make mutants SEED=1``.

Each mutant is one change of one module, and is tried with the unit tests that reach the module, in
a process of its own. Killed is what a test fails on, or what hangs; the score is killed of all,
where those that change nothing count against us.
"""

from __future__ import annotations

import ast
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# So that no child does it: a mutant costs its own tests, and little more.
import cryptography.x509  # noqa: F401
import pydantic  # noqa: F401
import pytest
import redis  # noqa: F401
import yaml  # noqa: F401

from tests.house.imports import ROOT, imported, module_of

PURE = ("enc/domain", "provisioner/domain")
COUNT, AT_ONCE, TIMEOUT = 300, 2, 60.0
_NONE = -1
_PASSES = ("test_converge", "test_launch")
_SWAPS: Mapping[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """``number`` is that of the change among all of the file's."""

    file: Path
    number: int
    line: int
    change: str


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], str]]]:
    """(where, what makes the change there and says which), in the order of the file."""
    for node in _decisions(tree):
        match node:
            case ast.Compare(ops=[op, *_]) | ast.BoolOp(op=op) | ast.BinOp(op=op) if (
                type(op) in _SWAPS
            ):
                yield node, lambda node=node, op=op: _swap(node, op)
            case ast.UnaryOp(op=ast.Not()):
                yield node, lambda node=node: _replace(node, "op", ast.UAdd(), "without not")
            case ast.Constant(value=bool() as value):
                yield node, lambda node=node, v=value: _replace(node, "value", not v, f"{not v}")
            case ast.Constant(value=int() | float() as value):
                yield node, lambda node=node, v=value: _replace(node, "value", v + 1, f"{v} + 1")
            case ast.If(test=test) | ast.IfExp(test=test):
                wrong = ast.UnaryOp(op=ast.Not(), operand=test)
                yield (
                    node,
                    lambda node=node, w=wrong: _replace(node, "test", w, "not the condition"),
                )
            case ast.Return(value=value) if value is not None and not _is_none(value):
                none = ast.Constant(value=None)
                yield node, lambda node=node, n=none: _replace(node, "value", n, "return None")


def _decisions(tree: ast.AST) -> Iterator[ast.AST]:
    """Without decorators: that a value is frozen decides nothing."""
    yield tree
    for name, value in ast.iter_fields(tree):
        inside = value if isinstance(value, list) else [value]
        for each in inside if name != "decorator_list" else ():
            if isinstance(each, ast.AST):
                yield from _decisions(each)


def mutants(file: Path) -> list[Mutant]:
    tree = ast.parse(file.read_text())
    every = list(changes(tree))
    return [
        Mutant(file, number, node.lineno, change())  # type: ignore[attr-defined]
        for number, (node, change) in enumerate(every)
    ]


def mutated(mutant: Mutant) -> ast.Module:
    tree = ast.parse(mutant.file.read_text())
    if mutant.number != _NONE:
        list(changes(tree))[mutant.number][1]()
    return ast.fix_missing_locations(tree)


@cache
def tests_of(file: Path) -> list[str]:
    """The unit tests that reach the module, the nearest first; of converge, its passes, too."""
    near = _reaching(module_of(file))
    found = [test for rule in near for test in _tests("unit") if rule in _imports(test)]
    if file.is_relative_to(ROOT / "provisioner"):
        found += [one for one in _tests("service/store") if one.stem.startswith(_PASSES)]
    return list(dict.fromkeys(map(str, found)))


def _reaching(module: str) -> list[str]:
    """The module, the rules that import it, the rules that import those, and so on."""
    found = [module]
    for near in found:
        found += [one for one in _importers(near) if one not in found]
    return found


@cache
def _importers(module: str) -> list[str]:
    files = [one for folder in PURE for one in (ROOT / folder).rglob("*.py")]
    return [module_of(file) for file in files if module in set(imported(file))]


def tried(sample: Sequence[Mutant]) -> dict[Mutant, bool]:
    """Whether each is killed. This process has imported nothing of ours but this package."""
    waiting, living, killed = list(sample), dict[int, tuple[Mutant, float]](), {}
    while waiting or living:
        while waiting and len(living) < AT_ONCE:
            mutant = waiting.pop()
            living[_begun(mutant)] = mutant, time.monotonic() + TIMEOUT
        time.sleep(0.02)
        for child, (mutant, end) in list(living.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() > end:
                os.killpg(child, signal.SIGKILL)
                done, status = os.waitpid(child, 0)
            if done:
                killed[mutant] = status != 0
                del living[child]
    return killed


def main(seed: int) -> None:
    files = sorted(file for folder in PURE for file in (ROOT / folder).rglob("*.py"))
    every = [mutant for file in files if tests_of(file) for mutant in mutants(file)]
    sample = random.Random(seed).sample(every, min(COUNT, len(every)))
    print(f"{len(sample)} of {len(every)} mutants in {len(files)} files, seed {seed}", flush=True)
    whole = tried([Mutant(file, _NONE, 0, "") for file in files if tests_of(file)])
    if failing := [str(one.file) for one, dead in whole.items() if dead]:
        raise SystemExit(f"the tests of these fail without a mutant: {', '.join(failing)}")
    killed = tried(sample)
    for mutant in sorted((one for one, dead in killed.items() if not dead), key=_place):
        print(f"survived: {mutant.file.relative_to(ROOT)}:{mutant.line}: {mutant.change}")
    dead = sum(killed.values())
    print(f"killed {dead} of {len(killed)}: {100 * dead / len(killed):.0f} %")


def _place(mutant: Mutant) -> tuple[str, int]:
    return str(mutant.file), mutant.line


def _begun(mutant: Mutant) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = _run(mutant)
    finally:
        os._exit(code)


def _run(mutant: Mutant) -> int:
    instead = _Instead(module_of(mutant.file), mutant.file, mutated(mutant))
    sys.meta_path.insert(0, instead)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests_of(mutant.file)]))


class _Instead:
    """Imports the mutant where the module is asked for."""

    def __init__(self, name: str, file: Path, tree: ast.Module) -> None:
        self._name, self._file, self._tree = name, file, tree

    def find_spec(self, name: str, *_: object) -> object:
        from importlib.util import spec_from_file_location

        if name != self._name:
            return None
        return spec_from_file_location(name, self._file, loader=self, **self._package())

    def create_module(self, _spec: object) -> None:
        return None

    def exec_module(self, module: object) -> None:
        exec(compile(self._tree, self._file, "exec"), vars(module))

    def _package(self) -> dict[str, list[str]]:
        is_package = self._file.name == "__init__.py"
        return {"submodule_search_locations": [str(self._file.parent)]} if is_package else {}


def _tests(ring: str) -> list[Path]:
    return sorted((ROOT / "tests" / ring).glob("test_*.py"))


@cache
def _imports(test: Path) -> set[str]:
    """Also by way of the tests' own helpers."""
    found = set(imported(test))
    for helper in [name for name in found if name.startswith("tests.")]:
        path = ROOT.joinpath(*helper.split(".")).with_suffix(".py")
        found |= set(imported(path)) if path.exists() else set()
    return found


def _swap(node: ast.AST, op: ast.AST) -> str:
    new = _SWAPS[type(op)]()
    if isinstance(node, ast.Compare):
        node.ops[0] = new  # type: ignore[call-overload]
    else:
        node.op = new  # type: ignore[attr-defined]
    return f"{type(op).__name__} is {type(new).__name__}"


def _replace(node: ast.AST, field: str, value: object, told: str) -> str:
    setattr(node, field, value)
    return told


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


if __name__ == "__main__":
    main(int(sys.argv[1]))
