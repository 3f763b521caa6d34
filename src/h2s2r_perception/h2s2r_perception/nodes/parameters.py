"""Parameters that say what they are: type, range and meaning, for `ros2 param describe` and for whoever sets them."""

from __future__ import annotations

from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from h2s2r_perception.artefact import InputError

Value = TypeVar("Value", bool, int, float, str, list[float])


def declared(
    node: Node,
    name: str,
    default: Value,
    description: str,
    *,
    between: tuple[float, float] | None = None,
    one_of: tuple[str, ...] = (),
) -> Value:
    """Declare a parameter, read once when the node starts, and return its value.

    Args:
        node: Whose parameter it is.
        name: Of the parameter.
        default: Its type is the parameter's.
        description: With the unit.
        between: Range of a number, both ends allowed.
        one_of: The values that a string may have.

    Raises:
        InputError: The value is out of its range, or of another type.
    """
    descriptor = ParameterDescriptor(description=description, read_only=True)
    if one_of:
        descriptor.additional_constraints = f"one of {', '.join(one_of)}"
    if between is not None and isinstance(default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=between[0], to_value=between[1])]
    elif between is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(between[0]), to_value=int(between[1]))]
    expected = descriptor.additional_constraints or f"a {type(default).__name__}"
    if between is not None:
        expected += f" from {between[0]:g} to {between[1]:g}"
    try:
        value = node.declare_parameter(name, default, descriptor).value
    except Exception as error:  # rclpy has one exception for each way to be wrong
        raise _refused(node, name, str(error), expected) from error
    if one_of and value not in one_of:
        raise _refused(node, name, repr(value), expected)
    result: Value = type(default)(value)
    return result


def _refused(node: Node, name: str, found: str, expected: str) -> InputError:
    return InputError(
        node.get_name(), f"parameter {name}", found=found, expected=expected, remedy="correct the parameter"
    )
