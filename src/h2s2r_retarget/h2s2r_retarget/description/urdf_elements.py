"""Numbers, vectors and poses of a URDF's elements, with the file and the element named when one is wrong."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.model import Vector3, rotation_from_rpy

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Owner:
    """What is read: an element of a file, as it is named in errors (``joint `elbow` ``)."""

    path: Path
    what: str

    def error(self, field: str, *, found: str, expected: str, remedy: str) -> InputError:
        """The `InputError` about a field of this element."""
        return InputError(self.path, f"{self.what} {field}".strip(), found=found, expected=expected, remedy=remedy)


def read_root(path: Path) -> ET.Element:
    """The `<robot>` of a URDF file.

    Raises:
        InputError: The file is missing, is no XML, has another root or is a macro file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = ET.fromstring(text)
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise InputError(path, "file", found=found, expected="a readable URDF", remedy="check the path") from error
    except ET.ParseError as error:
        raise InputError(path, "syntax", found=str(error), expected="XML", remedy="mend the line named") from error
    if root.tag != "robot":
        raise InputError(
            path, "root element", found=f"<{root.tag}>", expected="<robot>", remedy="give a URDF, not another model"
        )
    if "<xacro:" in text:
        raise InputError(
            path,
            "elements",
            found="xacro macros",
            expected="plain URDF",
            remedy="expand them: `xacro FILE > robot.urdf`",
        )
    return root


def vector(owner: Owner, element: ET.Element | None, key: str, default: Vector3) -> FloatArray:
    """Three numbers of an attribute, `(3,)`; the default where element or attribute is absent."""
    text = element.get(key) if element is not None else None
    if text is None:
        return np.array(default)
    try:
        values = np.array([float(part) for part in text.split()])
    except ValueError:
        values = np.array([])
    if values.shape != (3,) or not np.isfinite(values).all():
        raise owner.error(key, found=repr(text), expected="three numbers", remedy="correct the URDF")
    return values


def number(owner: Owner, element: ET.Element, key: str, default: float | None = None) -> float:
    """One finite number of an attribute, which must be there unless it has a default."""
    text = element.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text) if text is not None else float("nan")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        found = "nothing" if text is None else repr(text)
        raise owner.error(f"<{element.tag}> {key}", found=found, expected="a number", remedy="correct the URDF")
    return value


def origin(owner: Owner, element: ET.Element) -> FloatArray:
    """Pose `(4, 4)` m of an element's `<origin>`; the identity where it has none."""
    found = element.find("origin")
    T = np.eye(4)
    T[:3, 3] = vector(owner, found, "xyz", (0.0, 0.0, 0.0))
    roll, pitch, yaw = vector(owner, found, "rpy", (0.0, 0.0, 0.0)).tolist()
    if roll or pitch or yaw:
        T[:3, :3] = rotation_from_rpy((roll, pitch, yaw))
    return T


def point(values: FloatArray) -> Vector3:
    """An array `(3,)` as the tuple that descriptions hold."""
    x, y, z = (float(value) for value in values)
    return x, y, z
