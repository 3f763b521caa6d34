"""A hand as a `sensor_msgs/PointCloud2`: 21 points with `x`, `y`, `z` [m] and `confidence`, all float32.

Frame `world`, the stamp of the image. Joint order as everywhere: wrist, then thumb, index, middle, ring and little
finger, four joints each. Every point carries the confidence of the whole hand, in [0, 1]. A cloud without points says
that the image shows no hand. RViz shows the topic as it is.
"""

from __future__ import annotations

import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from h2s2r_perception.artefact import InputError
from h2s2r_perception.demonstration import JOINTS

TOPIC = "/hand_keypoints"
WORLD_FRAME = "world"
_FIELDS = ("x", "y", "z", "confidence")
_TYPE = np.dtype([(name, "<f4") for name in _FIELDS])


def to_cloud(joints_world: NDArray[np.float64] | None, confidence: float, header: Header) -> PointCloud2:
    """The message of joints `(21, 3)` m in the world, or of no hand."""
    points = np.zeros(0 if joints_world is None else JOINTS, dtype=_TYPE)
    if joints_world is not None:
        for axis, name in enumerate("xyz"):
            points[name] = joints_world[:, axis]
        points["confidence"] = confidence
    message = PointCloud2(
        header=Header(stamp=header.stamp, frame_id=WORLD_FRAME),
        height=1,
        width=len(points),
        point_step=_TYPE.itemsize,
        row_step=points.nbytes,
        is_dense=True,
        fields=[
            PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate(_FIELDS)
        ],
    )
    message.data = array.array("B", points.tobytes())
    return message


def from_cloud(message: PointCloud2) -> tuple[NDArray[np.float64] | None, float]:
    """Joints `(21, 3)` m in the world and their confidence; None and 0 where there is no hand.

    Raises:
        InputError: Another frame, another number of points, or other fields.
    """
    if message.width * message.height == 0:
        return None, 0.0
    if message.header.frame_id != WORLD_FRAME:
        raise _refused("frame_id", repr(message.header.frame_id), repr(WORLD_FRAME))
    if message.width * message.height != JOINTS:
        raise _refused("points", str(message.width * message.height), f"{JOINTS}, or none where there is no hand")
    offsets = {field.name: field.offset for field in message.fields if field.datatype == PointField.FLOAT32}
    if message.is_bigendian or not set(_FIELDS) <= set(offsets) or len(message.data) != JOINTS * message.point_step:
        raise _refused("fields", ", ".join(offsets) or "none of float32", "float32 x, y, z and confidence")
    kind = np.dtype(
        {
            "names": list(_FIELDS),
            "formats": ["<f4"] * len(_FIELDS),
            "offsets": [offsets[name] for name in _FIELDS],
            "itemsize": message.point_step,
        }
    )
    points = np.frombuffer(message.data, dtype=kind)
    joints = np.stack([points[name] for name in "xyz"], axis=-1).astype(np.float64)
    return joints, float(points["confidence"].min())


def _refused(field: str, found: str, expected: str) -> InputError:
    return InputError(TOPIC, field, found=found, expected=expected, remedy="correct the node that publishes the hand")
