"""What our resources leave on the disk: whole files, whoever reads them and whenever we die."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.confdriver import NOTHING, ConfDriver, SiteFile

TEXT = "[server]\nnode_terminus = plain\n"
TERMINUS = {"section": "server", "setting": "node_terminus", "value": "rolecall"}
SIGNING = {"section": "server", "setting": "autosign", "value": "/opt/rolecall/bin/autosign"}
NOBODY = 65534
Files = Callable[[str], SiteFile]


@pytest.fixture(scope="module")
def puppet() -> Iterator[ConfDriver]:
    with ConfDriver.start() as puppet:
        yield puppet


@pytest.fixture
def file_of(puppet: ConfDriver, tmp_path: Path) -> Files:
    return lambda text: SiteFile(puppet, tmp_path / "puppet.conf", text)


def state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return (found.st_mode & 0o7777, found.st_uid, found.st_gid)


def test_mode_and_owner_stay_and_what_is_remembered_is_roots_alone(file_of: Files) -> None:
    file = file_of(TEXT)
    file.path.chmod(0o640)
    os.chown(file.path, 0, NOBODY)

    file.put(TERMINUS)

    assert state(file.path) == (0o640, 0, NOBODY)
    assert state(file.store) == (0o600, 0, 0)
    assert sorted(file.path.parent.iterdir()) == sorted([file.path, file.store])


def test_a_link_stays_and_the_file_that_it_points_to_is_changed(file_of: Files) -> None:
    file = file_of(TEXT)
    real = file.path.with_name("real")
    file.path.rename(real)
    file.path.symlink_to("real")

    file.put(TERMINUS)

    assert file.path.readlink() == Path("real")
    assert real.read_text() == TEXT.replace("plain", "rolecall")
    file.put_back(TERMINUS)
    assert (file.path.readlink(), real.read_text()) == (Path("real"), TEXT)


def test_who_reads_the_old_file_goes_on_with_a_whole_one(file_of: Files) -> None:
    file = file_of(TEXT)

    with file.path.open() as opened:
        file.put(TERMINUS)
        assert opened.read() == TEXT


def test_death_before_the_file_is_written_loses_nothing(file_of: Files) -> None:
    """The memory is written first: there it says more than we did."""
    file = file_of(TEXT)
    file.put(TERMINUS)
    file.write(TEXT)

    assert file.put(TERMINUS).failed == []
    assert "rolecall" in file.text
    file.put_back(TERMINUS)
    assert (file.data, file.remembered) == (file.original, {})


def test_death_before_the_second_change_is_written_loses_nothing(file_of: Files) -> None:
    # The library would end the last line.
    file = file_of(f"{TEXT}\n\n[agent]\na = 1")
    file.put(TERMINUS)
    between = file.text
    file.put(SIGNING)
    file.write(between)

    file.put(TERMINUS, SIGNING)
    file.put_back(TERMINUS, SIGNING)

    assert (file.data, file.remembered) == (file.original, {})


def test_death_before_it_is_forgotten_puts_nothing_back_twice(file_of: Files) -> None:
    file = file_of(TEXT)
    file.put(TERMINUS)
    file.write(TEXT)

    assert file.put_back(TERMINUS).failed == []
    assert (file.data, file.remembered) == (file.original, {})


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"%s": "x"}', '{"%s": {"settings": []}}'])
def test_a_memory_that_cannot_be_read_changes_nothing_and_is_named(
    file_of: Files, text: str
) -> None:
    file = file_of(TEXT)
    text = text.replace("%s", str(file.path))
    file.store.write_text(text)

    for applied in (file.put(TERMINUS), file.put_back(TERMINUS)):
        assert applied.failed
        assert str(file.store) in applied.said
    assert (file.data, file.store.read_text()) == (file.original, text)


def test_no_folder_for_the_memory_changes_nothing_and_is_named(file_of: Files) -> None:
    file = file_of(TEXT)
    store = file.path.with_name("nowhere") / "before.json"

    applied = file.put(TERMINUS | {"store": str(store)})

    assert applied.failed
    assert str(store) in applied.said
    assert file.data == file.original


def test_a_file_that_is_missing_is_named_and_none_is_made(file_of: Files) -> None:
    file = file_of(TEXT)
    file.path.unlink()

    applied = file.put(TERMINUS)

    assert f"{file.path}: there is no such file" in applied.said
    assert not file.path.exists()


def test_there_is_nothing_to_put_back_in_a_file_that_is_missing(file_of: Files) -> None:
    file = file_of(TEXT)
    file.path.unlink()

    assert file.put_back(TERMINUS) == NOTHING


def test_a_dry_run_before_the_package_is_installed_does_not_fail(file_of: Files) -> None:
    file = file_of(TEXT)
    file.path.unlink()

    assert file.put(TERMINUS, noop=True).failed == []
    assert not file.path.exists()
