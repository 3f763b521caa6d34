"""Parameters with type, range and description, so that `ros2 param describe` explains a driver."""

from __future__ import annotations

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

Value = bool | int | float | str | list[str]


def declare(
    node: Node,
    name: str,
    default: Value,
    description: str,
    between: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> None:
    """Declare one parameter; its type is the default's.

    Args:
        node: Its owner.
        name: Of the parameter.
        default: Used unless set.
        description: With the unit.
        between: Lowest and largest number; rclpy refuses others.
        choices: The words a string may be.
    """
    descriptor = ParameterDescriptor(description=description)
    if choices:
        descriptor.additional_constraints = f"one of {', '.join(choices)}"
    if between is not None and isinstance(default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=between[0], to_value=between[1], step=0.0)]
    elif between is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(between[0]), to_value=int(between[1]), step=1)]
    node.declare_parameter(name, default, descriptor)


def value(node: Node, name: str) -> object:
    """What a parameter is now."""
    return node.get_parameter(name).value
