"""import: node definitions of a manifest as foreign nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError, mistyped
from provisioner.cli.exit_codes import PARTLY
from provisioner.cli.files import create
from provisioner.cli.import_rows import LISTING, rows
from provisioner.cli.session import acting, if_interrupted
from provisioner.cli.texts import clean, some
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from provisioner.importing.nodespp.definition import Manifest
    from provisioner.importing.plan import Plan
    from provisioner.ports.puppet import Puppet

# A file of node definitions has some hundred bytes for each node.
_MAX_BYTES = 64 * 1024 * 1024
_INTERRUPTED = "what was created stays; run the same command again to continue"
_PATH = click.Path(path_type=Path)


@click.command(
    "import",
    short_help="Import node definitions from nodes.pp as foreign nodes.",
    epilog=examples(
        "provisioner import nodes.pp                          # only the plan",
        "provisioner import nodes.pp --roles imported.yaml    # the roles it needs",
        "provisioner import nodes.pp --apply",
    ),
)
@click.argument("file", type=_PATH)
@click.option("--apply", "act", is_flag=True, help="Create the nodes; without it, only a plan.")
@click.option("--roles", "roles_file", type=_PATH, help="Write the roles that are missing there.")
@click.option("--no-ec2", is_flag=True, help="Do not ask EC2 which host names are alive.")
@click.option("--puppet", metavar="PATH", default="", help="The puppet command, if not in PATH.")
@click.option(
    "--modulepath",
    metavar="DIRS",
    default="",
    help="Folders in which to look for classes, joined by ':'.",
)
@click.option(
    "--environment",
    default="production",
    show_default=True,
    help="Environment whose module path is used without --modulepath.",
)
@output.format_option
def import_(
    file: Path,
    *,
    act: bool,
    roles_file: Path | None,
    no_ec2: bool,
    puppet: str,
    modulepath: str,
    environment: str,
    form: str,
) -> None:
    """Read the node definitions in FILE with Puppet's own parser, and plan what becomes of each.

    Each name becomes a foreign node, with the role that declares the same classes and parameters.
    Nothing is changed without --apply; FILE never is. What cannot be imported is listed with
    its line, and the exit code is 3.
    """
    from provisioner import wiring
    from provisioner.importing.apply import apply, planned

    command = wiring.open_puppet(puppet)
    with acting() as context, if_interrupted("nothing was changed"):
        context.reporter.status(f"{file.name}: asking Puppet's parser")
        manifest = _manifest(command, file)
        made = planned(context, manifest, ask_ec2=not no_ec2)
        context.reporter.status("")
        _tell(made, file)
        modules = _Modules(puppet=command, file=file, given=modulepath, environment=environment)
        missing = _unknown(modules, manifest, made)
        if roles_file:
            _write_roles(made, roles_file, file)
        if act:
            _check_roles(made, file)
            with if_interrupted(_INTERRUPTED):
                made = apply(context, made, clean(file.name)).plan
    output.emit_rows(form, rows(made, form, missing), LISTING)
    _end(made, act=act, file=file)


def _manifest(command: Puppet, file: Path) -> Manifest:
    from provisioner.cli.import_siblings import siblings
    from provisioner.importing.nodespp.reading import read

    source, dump = _source(file).decode("utf-8", errors="replace"), command.dump(file)
    return read(dump, source, siblings(command, file))


def _source(file: Path) -> bytes:
    """Raises CommandError for what is no file, or too large to be one of node definitions."""
    if not file.is_file():
        raise mistyped(f"{file} is not a file" if file.exists() else f"there is no file {file}")
    try:
        with file.open("rb") as opened:
            found = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise mistyped(f"{file} cannot be read: {error.strerror}") from error
    if len(found) > _MAX_BYTES:
        raise mistyped(f"{file} has more than {_MAX_BYTES >> 20} MiB: split it")
    return found


def _tell(made: Plan, file: Path) -> None:
    if made.trouble:
        output.say(f"warning: EC2 could not be asked: {made.trouble}", err=True)
    for one in made.beside:
        output.say(f"warning: Puppet also reads {one}", err=True)
    if made.outside:
        every = some(str(one) for one in made.outside)
        output.say(f"stays in {file}, because it is for every node: {every}", err=True)


def _unknown(modules: _Modules, manifest: Manifest, made: Plan) -> frozenset[str]:
    """Classes that are not to be found; each is told with who needs it."""
    from provisioner.wiring import unknown_classes

    used: dict[str, list[str]] = {}
    for entry in made.entries:
        for name in entry.content.classes if entry.content else ():
            used.setdefault(name, []).append(entry.name)
    wanted = used.keys() - manifest.own_classes
    folders = modules.folders() if wanted else ()
    found = unknown_classes(wanted, folders, modules.file.absolute().parent) if folders else ()
    for name in found:
        output.say(f"warning: unknown class {name} (of {some(used[name])})", err=True)
    return frozenset(found)


@dataclass(frozen=True, kw_only=True)
class _Modules:
    """Where to look for classes: where was said, else where Puppet does."""

    puppet: Puppet
    file: Path
    given: str
    environment: str

    def folders(self) -> tuple[str, ...]:
        """Those that are there; where there is none, nothing can be said of any class."""
        from provisioner.ports.errors import PuppetCommandError

        why = "no folder of the module path exists here; give others with --modulepath"
        try:
            path = self.given.split(":") if self.given else self._of_puppet()
        except PuppetCommandError as error:
            path, why = (), str(error)
        there = tuple(folder for folder in path if Path(folder).is_dir())
        if not there:
            output.say(f"warning: classes are not checked: {why}", err=True)
        return there

    def _of_puppet(self) -> Sequence[str]:
        return self.puppet.module_path(self.environment)


def _write_roles(made: Plan, path: Path, file: Path) -> None:
    """Never over another file: it may be the one that was reviewed."""
    from provisioner.importing.apply import roles_text
    from provisioner.rolesfile.writing import refused

    if str(path) == "-":
        raise mistyped("--roles needs a file, because the plan goes to stdout")
    if not made.new_roles:
        output.say(f"no role is missing: {path} is not written", err=True)
        return
    text = roles_text(made.new_roles, clean(file.name))
    if why := refused(text):
        raise CommandError(
            f"{path} is not written: 'provisioner roles apply' would refuse it ({why}); split "
            f"{file}, or make one role of classes whose values come from Hiera"
        )
    try:
        # What was a secret there is one here.
        create(path, text, file.stat().st_mode)
    except FileExistsError as error:
        if path.is_file() and path.read_bytes() == text.encode():
            return
        raise mistyped(f"{path} exists already: name another file, or remove it") from error
    except OSError as error:
        raise mistyped(f"{path} cannot be written: {error.strerror}") from error
    output.say(f"wrote {len(made.new_roles)} role(s) to {path}", err=True)


def _check_roles(made: Plan, file: Path) -> None:
    if missing := made.lacking:
        raise CommandError(
            f"{len(missing)} role(s) are not stored yet ({some(missing)}), nothing was created: "
            f"'provisioner import {file} --roles imported.yaml' writes them; review them, copy "
            "them into your roles file, 'provisioner roles apply' that, and import again"
        )


def _end(made: Plan, *, act: bool, file: Path) -> None:
    counted = Counter(entry.verdict.value for entry in made.entries)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counted.items())
    if not told and not made.elsewhere:
        output.say(f"no node definition in {file}", err=True)
    if made.elsewhere:
        raise CommandError(f"{file} names no node: {made.elsewhere}", PARTLY)
    if made.questions:
        raise CommandError(f"{file}: {told}; each row says why and what to do", PARTLY)
    output.say(f"{told}{_next(made, act=act)}" if told else "nothing to do", err=True)


def _next(made: Plan, *, act: bool) -> str:
    from provisioner.importing.plan import Verdict

    if act or not made.of(Verdict.CREATE):
        return ""
    if made.lacking:
        return f"; {len(made.lacking)} role(s) are to be applied first: --roles writes them"
    return "; --apply creates them"
