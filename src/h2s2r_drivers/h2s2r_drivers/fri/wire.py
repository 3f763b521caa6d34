"""Protocol-buffer wire format, as much of it as FRI uses: varints, fixed64 doubles, bytes and nested messages.

Tables say which field number means what; one reader and one writer serve all of them. The reader never looks past
the end of what it was given and raises `ProtocolError` for everything that is no message. Repeated doubles are
written one tag each, as the controller does, and read so or packed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from h2s2r_drivers.errors import ProtocolError

UNSIGNED, DOUBLE, BYTES = 0, 1, 2
"""How a value is written; the numbers are protobuf's wire types."""
_FIXED32 = 5
_DOUBLE = struct.Struct("<d")
_DOUBLE_TAG = 0x09  # field 1, fixed64: an element of JointValues
_TAGGED_DOUBLE = struct.Struct("<Bd")
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        name: Key of the value in the decoded dictionary.
        kind: UNSIGNED, DOUBLE or BYTES.
        message: Table of a nested message (written as BYTES), by field number.
        repeated: The value is a list.
        required: A message without it is none.
        largest: Most elements of a repeated field; largest value of an unsigned one.
    """

    name: str
    kind: int = UNSIGNED
    message: Mapping[int, Field] | None = None
    repeated: bool = False
    required: bool = False
    largest: int = 0xFFFFFFFF


Table = Mapping[int, Field]


def decode(data: bytes, table: Table) -> dict[str, Any]:
    """The fields of one message; unknown ones are skipped, absent ones are absent.

    Raises:
        ProtocolError: Truncated, another wire type than the field has, out of range, or a required field is missing.
    """
    values: dict[str, Any] = {}
    at, end = 0, len(data)
    while at < end:
        tag, at = _read_varint(data, at, end)
        field = table.get(tag >> 3)
        if field is None:
            at = _skip(data, at, end, tag)
        elif field.repeated:
            new, at = _read_elements(data, at, end, tag & 7, field)
            known = values.setdefault(field.name, [])
            known.extend(new)
            if len(known) > field.largest:
                raise ProtocolError(f"more than {field.largest} elements of {field.name}")
        else:
            values[field.name], at = _read_value(data, at, end, tag & 7, field)
    for field in table.values():
        if field.required and field.name not in values:
            raise ProtocolError(f"required field {field.name} is missing")
    return values


def encode(values: Mapping[str, Any], table: Table) -> bytes:
    """The bytes of one message; keys that are absent or None are left out."""
    out = bytearray()
    for number, field in table.items():
        value = values.get(field.name)
        if value is None:
            continue
        for element in value if field.repeated else (value,):
            _write_value(out, number, field, element)
    return bytes(out)


def decode_doubles(data: bytes) -> tuple[float, ...]:
    """The elements of a message whose only field is `1: repeated double`, as all joint vectors of FRI are."""
    if len(data) % _TAGGED_DOUBLE.size == 0:
        elements = tuple(_TAGGED_DOUBLE.iter_unpack(data))
        if all(tag == _DOUBLE_TAG for tag, _ in elements):
            return tuple(value for _, value in elements)
    return tuple(decode(data, DOUBLES).get("value", ()))


def encode_doubles(values: tuple[float, ...]) -> bytes:
    """The inverse of `decode_doubles`."""
    return b"".join([_TAGGED_DOUBLE.pack(_DOUBLE_TAG, value) for value in values])


DOUBLES: Table = {1: Field("value", DOUBLE, repeated=True, largest=64)}
"""JointValues and the other vectors."""


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = shift = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place + 1
        shift += 7
    raise ProtocolError("ends within a number, or a number of more than ten bytes")


def _read_bytes(data: bytes, at: int, end: int, name: str) -> tuple[bytes, int]:
    length, at = _read_varint(data, at, end)
    if length > end - at:
        raise ProtocolError(f"{name} claims {length} bytes, {end - at} are left")
    return data[at : at + length], at + length


def _read_value(data: bytes, at: int, end: int, wire_type: int, field: Field) -> tuple[Any, int]:
    expected = field.kind if field.message is None else BYTES
    if wire_type != expected:
        raise ProtocolError(f"{field.name} has wire type {wire_type}, expected {expected}")
    if wire_type == UNSIGNED:
        number, at = _read_varint(data, at, end)
        if number > field.largest:
            raise ProtocolError(f"{field.name} is {number}, expected at most {field.largest}")
        return number, at
    if wire_type == DOUBLE:
        if end - at < _DOUBLE.size:
            raise ProtocolError(f"ends within {field.name}")
        return _DOUBLE.unpack_from(data, at)[0], at + _DOUBLE.size
    body, at = _read_bytes(data, at, end, field.name)
    if field.message is None:
        return body, at
    return (decode_doubles(body) if field.message is DOUBLES else decode(body, field.message)), at


def _read_elements(data: bytes, at: int, end: int, wire_type: int, field: Field) -> tuple[list[Any], int]:
    if wire_type == field.kind == UNSIGNED:
        value, at = _read_varint(data, at, end)
        return [value], at
    if wire_type == field.kind:
        value, at = _read_value(data, at, end, wire_type, field)
        return [value], at
    if wire_type != BYTES:
        raise ProtocolError(f"{field.name} has wire type {wire_type}")
    body, at = _read_bytes(data, at, end, field.name)
    return (_packed_doubles(body, field) if field.kind == DOUBLE else _packed_numbers(body)), at


def _packed_doubles(body: bytes, field: Field) -> list[float]:
    if len(body) % _DOUBLE.size:
        raise ProtocolError(f"{field.name}: {len(body)} bytes are no whole number of doubles")
    return [value for (value,) in _DOUBLE.iter_unpack(body)]


def _packed_numbers(body: bytes) -> list[int]:
    numbers, at = [], 0
    while at < len(body):
        number, at = _read_varint(body, at, len(body))
        numbers.append(number)
    return numbers


def _skip(data: bytes, at: int, end: int, tag: int) -> int:
    wire_type = tag & 7
    if tag >> 3 == 0:
        raise ProtocolError("field number 0")
    if wire_type == UNSIGNED:
        return _read_varint(data, at, end)[1]
    if wire_type == BYTES:
        return _read_bytes(data, at, end, "an unknown field")[1]
    size = {DOUBLE: 8, _FIXED32: 4}.get(wire_type)
    if size is None or end - at < size:
        raise ProtocolError(f"an unknown field of wire type {wire_type} that cannot be skipped")
    return at + size


def _write_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _write_value(out: bytearray, number: int, field: Field, value: Any) -> None:
    wire_type = field.kind if field.message is None else BYTES
    _write_varint(out, number << 3 | wire_type)
    if wire_type == UNSIGNED:
        _write_varint(out, int(value))
    elif wire_type == DOUBLE:
        out += _DOUBLE.pack(value)
    else:
        if field.message is DOUBLES:
            value = encode_doubles(value)
        elif field.message is not None:
            value = encode(value, field.message)
        _write_varint(out, len(value))
        out += value
