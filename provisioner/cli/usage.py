"""What click finds wrong with a command line, in one line and in our words."""

from __future__ import annotations

import difflib

import click


class Group(click.Group):
    """Names the nearest command for one that there is not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(self._unknown(args[0], error.message), ctx) from error

    def _unknown(self, given: str, message: str) -> str:
        if given.startswith("-"):
            return message
        near = difflib.get_close_matches(given, self.commands, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.commands)}"
        return f"no such command {given!r}; {hint}"


def usage(error: click.ClickException) -> str:
    """The message and where help is, without click's lines of usage."""
    said = error.format_message().strip().rstrip(".").replace(". Did you", "; did you")
    said = said[:1].lower() + said[1:] if said[1:2].islower() else said
    context = getattr(error, "ctx", None)
    if context is None or said.endswith("?"):
        return said
    return f"{said}; see '{context.command_path} --help'"


def examples(*lines: str) -> str:
    """An epilog of command lines, which click must not fold into a paragraph."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
