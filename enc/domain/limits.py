"""How many machines there may be, and how many launches in an hour: of a role, and of the site."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Limits:
    """None: no limit. Machines are those that live, and what open launches still ask for.

    A retiring one lives until EC2 was told to end it.
    """

    machines: int | None = None
    launches_per_hour: int | None = None


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One limit. ``role`` is "" for the site's; ``what`` is its name among Limits."""

    role: str
    what: str
    most: int

    def left(self, *, living: int, asked: int, opened: int) -> int:
        """How many more machines it lets one launch have; 0 or less: none."""
        if self.what == "machines":
            return self.most - living - asked
        return NO_BOUND if opened < self.most else 0

    def reached(self, want: int, *, living: int, asked: int, opened: int) -> str:
        """For people: the limit, what stands against it, and what to do."""
        whose = f"of role {self.role}" if self.role else "of the site"
        said = f"limits.{self.what} {whose} is {self.most}"
        if self.what == "machines":
            see = f"provisioner ls --role {self.role}" if self.role else "provisioner ls"
            there = f"{living} live, open launches ask for {asked} more, and {want} are wanted"
            return f"{said}: {there}; retire machines ('{see}'), or raise it in roles.yaml"
        there = f"{opened} launches were opened within the last hour"
        return f"{said}: {there}; wait, or raise it in roles.yaml"


NO_BOUND = 1_000_000


def bounds(site: Limits, role: str, own: Limits) -> tuple[Bound, ...]:
    """All that bind a launch of the role."""
    return tuple(
        Bound(role=name, what=field.name, most=most)
        for name, limits in ((role, own), ("", site))
        for field in fields(Limits)
        if (most := getattr(limits, field.name)) is not None
    )
