from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from provisioner.loop.converge import without_cycle_collection


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    was = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was else gc.disable)()


def test_garbage_is_not_looked_for_inside_and_is_again_behind() -> None:
    with without_cycle_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_looked_for_again_behind_an_error() -> None:
    with pytest.raises(KeyError), without_cycle_collection():
        raise KeyError
    assert gc.isenabled()


def test_whoever_never_looks_for_it_does_not_begin_to() -> None:
    gc.disable()
    with without_cycle_collection():
        pass
    assert not gc.isenabled()
