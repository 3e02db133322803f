"""DER, the part of it that certificate requests are made of (X.690, 8 and 10). Pure."""

from __future__ import annotations

SEQUENCE, SET, CONTEXT_0 = 0x30, 0x31, 0xA0
BIT_STRING, OCTET_STRING, NULL = 0x03, 0x04, b"\x05\x00"
UTF8_STRING, PRINTABLE_STRING = 0x0C, 0x13
_HEADER, _SHORT = 2, 127


class NotDerError(ValueError):
    """These bytes are not one element as DER writes it."""


def element(tag: int, *contents: bytes) -> bytes:
    """One element of these contents, with its shortest length."""
    whole = b"".join(contents)
    size = len(whole)
    if size <= _SHORT:
        return bytes([tag, size]) + whole
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + whole


def set_of(*elements: bytes) -> bytes:
    """The contents of a SET OF, in DER's order: that of their bytes."""
    return b"".join(sorted(elements))


def oid(dotted: str) -> bytes:
    """An object identifier; its first two numbers share a byte."""
    first, second, *others = (int(number) for number in dotted.split("."))
    return element(0x06, *(_base_128(number) for number in (40 * first + second, *others)))


def contents(tag: int, der: bytes) -> bytes:
    """Of the one element that this is. Raises NotDerError."""
    found, inner, rest = split(der)
    if found != tag or rest:
        raise NotDerError
    return inner


def split(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag and contents of the first element, and what is behind it. Raises NotDerError."""
    if len(der) < _HEADER:
        raise NotDerError
    length, start = der[1], _HEADER
    if length > _SHORT:
        start += length & _SHORT
        length = int.from_bytes(der[_HEADER:start])
    inner = der[start : start + length]
    # A longer length than is needed, or one that is not there to its end, comes out otherwise.
    if not der.startswith(element(der[0], inner)) or len(inner) != length:
        raise NotDerError
    return der[0], inner, der[start + length :]


def _base_128(number: int) -> bytes:
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(0x80 | number & 0x7F)
    return bytes(reversed(found))
