"""A ROS 2 bag (MCAP) with the topics of realsense2_camera, as if that driver had been recorded.

Written without ROS by `rosbags`. Topics and their QoS: colour rgb8, depth 16UC1 [mm] aligned to it, CameraInfo
of both, reliable as REP-2003 asks of drivers; /tf_static from the world to the optical frame, latched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.exports.frames import depth_mm
from h2s2r_perception.exports.layout import ExportLayout, ExportOptions
from h2s2r_perception.exports.source import ExportSource
from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_perception.imports.bag_package import require_rosbags
from h2s2r_perception.recording import Recording

OPTICAL_FRAME = "camera_color_optical_frame"
COLOUR, DEPTH = "/camera/camera/color", "/camera/camera/aligned_depth_to_color"
TF_STATIC = "/tf_static"
_QUEUE = 10


def write(source: ExportSource, output: Path, options: ExportOptions) -> tuple[str, ...]:
    """Write the bag, a folder with its `.mcap` and `metadata.yaml`."""
    require_rosbags(output)
    from rosbags.rosbag2 import StoragePlugin, Writer

    recording = source.recording
    messages = _Messages(recording)
    with Writer(output, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        connections = {
            topic: bag.add_connection(
                topic, kind, typestore=messages.typestore, offered_qos_profiles=[_qos(latched=topic == TF_STATIC)]
            )
            for topic, kind in _TOPICS.items()
        }

        def put(topic: str, stamp_ns: int, message: Any) -> None:
            bag.write(connections[topic], stamp_ns, messages.serialised(message, _TOPICS[topic]))

        put(TF_STATIC, int(recording.stamp_ns[0]), messages.transform(options.world_frame))
        for index, stamp_ns in enumerate(recording.stamp_ns.tolist()):
            put(f"{COLOUR}/camera_info", stamp_ns, messages.camera_info(stamp_ns))
            put(f"{COLOUR}/image_raw", stamp_ns, messages.image(recording.rgb(index), "rgb8", stamp_ns))
            put(f"{DEPTH}/camera_info", stamp_ns, messages.camera_info(stamp_ns))
            put(f"{DEPTH}/image_raw", stamp_ns, messages.image(depth_mm(recording, index), "16UC1", stamp_ns))
    return ()


LAYOUT = ExportLayout("rosbag", "a ROS 2 bag (MCAP) with realsense2_camera's topics", write)

_TOPICS = {
    TF_STATIC: "tf2_msgs/msg/TFMessage",
    f"{COLOUR}/camera_info": "sensor_msgs/msg/CameraInfo",
    f"{COLOUR}/image_raw": "sensor_msgs/msg/Image",
    f"{DEPTH}/camera_info": "sensor_msgs/msg/CameraInfo",
    f"{DEPTH}/image_raw": "sensor_msgs/msg/Image",
}


class _Messages:
    """Builds the messages of one camera; remembers its type definitions."""

    def __init__(self, recording: Recording) -> None:
        from rosbags.typesys import Stores, get_typestore

        self.typestore = get_typestore(Stores.ROS2_JAZZY)
        self._recording = recording

    def serialised(self, message: Any, kind: str) -> bytes:
        return bytes(self.typestore.serialize_cdr(message, kind))

    def image(self, pixels: NDArray[Any], encoding: str, stamp_ns: int) -> Any:
        height, width = pixels.shape[:2]
        data = np.ascontiguousarray(pixels).view(np.uint8).reshape(-1)
        return self._make(
            "sensor_msgs/msg/Image",
            header=self._header(stamp_ns, OPTICAL_FRAME),
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=data.size // height,
            data=data,
        )

    def camera_info(self, stamp_ns: int) -> Any:
        K = self._recording.camera_matrix
        width, height = self._recording.image_size
        none = self._make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self._make(
            "sensor_msgs/msg/CameraInfo",
            header=self._header(stamp_ns, OPTICAL_FRAME),
            height=height,
            width=width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=K.reshape(-1),
            r=np.eye(3).reshape(-1),
            p=np.hstack([K, np.zeros((3, 1))]).reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=none,
        )

    def transform(self, world_frame: str) -> Any:
        T = self._recording.T_world_camera
        w, x, y, z = (float(value) for value in quat_wxyz_from_rotation(T[:3, :3]))
        transform = self._make(
            "geometry_msgs/msg/Transform",
            translation=self._make("geometry_msgs/msg/Vector3", x=float(T[0, 3]), y=float(T[1, 3]), z=float(T[2, 3])),
            rotation=self._make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )
        stamped = self._make(
            "geometry_msgs/msg/TransformStamped",
            header=self._header(int(self._recording.stamp_ns[0]), world_frame),
            child_frame_id=OPTICAL_FRAME,
            transform=transform,
        )
        return self._make("tf2_msgs/msg/TFMessage", transforms=[stamped])

    def _header(self, stamp_ns: int, frame: str) -> Any:
        time = self._make("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        return self._make("std_msgs/msg/Header", stamp=time, frame_id=frame)

    def _make(self, kind: str, **fields: Any) -> Any:
        return self.typestore.types[kind](**fields)


def _qos(*, latched: bool) -> Any:
    """Reliable; a latched topic keeps its last message for whoever comes later."""
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

    forever = QosTime(9223372036, 854775807)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else _QUEUE,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )
