"""What the name of an AWS region looks like."""

from __future__ import annotations

REGION = r"[a-z]+(?:-[a-z]+)+-[0-9]{1,2}"
