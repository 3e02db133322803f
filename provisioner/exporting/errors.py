"""What can be wrong with an export, beside the store."""

from __future__ import annotations


class ExportError(Exception):
    """The file is not written, or who reads it was not told; the message says what to do."""
