"""Holds a RealSense's exposure, gain and white balance at what its automatics have found."""

from __future__ import annotations

from typing import Any


def lock_exposure(rs: Any, sensor: Any, frame: Any) -> str:
    """Switch the automatics off without a jump of the picture.

    A sensor whose automatics are switched off goes back to the values set last by hand. So the values found are
    set first: those that the frame's metadata states, or, without metadata, those that the sensor states.

    Args:
        rs: The `pyrealsense2` module.
        sensor: The colour sensor.
        frame: Its last colour frame.

    Returns:
        What was held, in words; empty when the sensor has no automatics or refuses.
    """
    option, metadata = rs.option, rs.frame_metadata_value
    exposure = ((option.exposure, metadata.actual_exposure), (option.gain, metadata.gain_level))
    balance = ((option.white_balance, metadata.white_balance),)
    held: list[str] = []
    try:
        if sensor.supports(option.enable_auto_exposure):
            found = [_found(sensor, frame, kind, key) for kind, key in exposure]
            sensor.set_option(option.enable_auto_exposure, 0.0)
            held += _hold(sensor, [kind for kind, _ in exposure], found)
        if sensor.supports(option.enable_auto_white_balance):
            found = [_found(sensor, frame, kind, key) for kind, key in balance]
            sensor.set_option(option.enable_auto_white_balance, 0.0)
            held += _hold(sensor, [kind for kind, _ in balance], found)
    except RuntimeError:
        return ""  # played back from a file: nothing to set
    return ", ".join(held)


def _found(sensor: Any, frame: Any, kind: Any, key: Any) -> float | None:
    if not sensor.supports(kind):
        return None
    if frame.supports_frame_metadata(key):
        value = float(frame.get_frame_metadata(key))
        bounds = sensor.get_option_range(kind)
        if value > 0.0:
            return min(max(value, float(bounds.min)), float(bounds.max))
    return float(sensor.get_option(kind))


def _hold(sensor: Any, kinds: list[Any], values: list[float | None]) -> list[str]:
    held = []
    for kind, value in zip(kinds, values, strict=True):
        if value is not None:
            sensor.set_option(kind, value)
            held.append(f"{str(kind).split('.')[-1]} {value:g}")
    return held
