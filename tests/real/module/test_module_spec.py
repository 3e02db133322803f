"""The Puppet module by the tools of its field: parser, lint, rspec-puppet, `module install`."""

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.real.puppethost import DIST

MODULE = Path(__file__).parents[3] / "puppet" / "rolecall"
MANIFESTS = ("manifests", "functions", "types")
SPECS = sorted(MODULE.glob("spec/*/*_spec.rb"))
SPEC_SECONDS = 280
AT_ONCE = 2
# Examples of all files together: fewer would mean that some were not found.
AT_LEAST = 250


def run(*words: str | Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=MODULE, capture_output=True, text=True, timeout=seconds, check=False
    )


def files(ending: str, *folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((MODULE / folder).rglob(f"*{ending}"))]
    assert found
    return found


def test_every_manifest_is_puppet() -> None:
    done = run("puppet", "parser", "validate", *files(".pp", *MANIFESTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_template_is_epp() -> None:
    done = run("puppet", "epp", "validate", *files(".epp", "templates"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_ruby_file_is_ruby() -> None:
    for path in files(".rb", "lib"):
        done = run("ruby", "-wc", path)
        assert done.returncode == 0, done.stderr
        assert "warn" not in done.stderr, done.stderr


def test_puppet_lint_has_nothing_to_say() -> None:
    done = run("puppet-lint", "--fail-on-warnings", "--relative", *MANIFESTS)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.fixture(scope="module")
def specs() -> Iterator[dict[str, subprocess.CompletedProcess[str]]]:
    """Each file's run, as many at once as there are processors."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {
            path.name: pool.submit(
                run, "rspec", "--format", "json", path.relative_to(MODULE), seconds=SPEC_SECONDS
            )
            for path in sorted(SPECS, key=lambda path: -path.stat().st_size)
        }
        yield {name: job.result() for name, job in jobs.items()}


@pytest.mark.parametrize("name", [path.name for path in SPECS])
def test_every_class_compiles_as_its_spec_says(
    specs: dict[str, subprocess.CompletedProcess[str]], name: str
) -> None:
    failed = [
        f"{example['full_description']}: {example['exception']['message']}"
        for example in examples(specs[name])
        if example["status"] != "passed"
    ]
    assert not failed, "\n".join(failed)


def test_no_spec_was_overlooked(specs: dict[str, subprocess.CompletedProcess[str]]) -> None:
    assert sum(len(examples(done)) for done in specs.values()) >= AT_LEAST


def test_every_public_class_and_define_has_a_spec() -> None:
    said = "".join(path.read_text() for path in SPECS)
    for path in files(".pp", "manifests"):
        text = path.read_text()
        found = re.search(r"^(?:class|define) ([\w:]+)", text, re.MULTILINE)
        assert found
        if "@api private" not in text:
            assert f"describe '{found[1]}' do" in said


def test_puppet_installs_the_archive(tmp_path: Path) -> None:
    (archive,) = DIST.glob("rolecall-rolecall-*.tar.gz")
    install = ("puppet", "module", "install", archive, "--ignore-dependencies")

    done = run(*install, "--target-dir", tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "rolecall" / "manifests" / "puppetserver.pp").exists()


def examples(done: subprocess.CompletedProcess[str]) -> list[dict[str, dict[str, str]]]:
    """What rspec says in JSON; what it or Ruby say besides stands before or behind it."""
    begun = done.stdout.find('{"version"')
    assert begun >= 0, done.stdout + done.stderr
    found, _ = json.JSONDecoder().raw_decode(done.stdout[begun:])
    return list(found["examples"])
