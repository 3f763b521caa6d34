"""Which of a bag's topics are colour, aligned depth and intrinsics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports.foreign import ImportOptions

# realsense2_camera 4 (ROS 2) and 2 (ROS 1), then the ZED wrapper that the published system used.
_COLOUR = ("/camera/camera/color/image_raw", "/camera/color/image_raw", "/zed/zed_node/rgb/image_rect_color")
_DEPTH = (
    "/camera/camera/aligned_depth_to_color/image_raw",
    "/camera/aligned_depth_to_color/image_raw",
    "/zed/zed_node/depth/depth_registered",
)
_COMPRESSED, _COMPRESSED_DEPTH = "/compressed", "/compressedDepth"
_IMAGE_TYPES = frozenset({"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"})


@dataclass(frozen=True)
class BagTopics:
    """Topics of one camera."""

    colour: str
    depth: str
    camera_info: str

    @property
    def rectified(self) -> bool:
        """Whether the colour image is rectified, by the convention of image_proc's names."""
        return "image_rect" in self.colour


def choose_topics(reader: Any, options: ImportOptions, source: Path) -> BagTopics:
    """The topics named in the options, else the first known names that the bag has.

    Raises:
        InputError: One of the three is not in the bag.
    """
    types = {connection.topic: connection.msgtype for connection in reader.connections}
    images = sorted(topic for topic, kind in types.items() if kind in _IMAGE_TYPES)
    seen = ", ".join(images) or "no image topic"
    colour = _choose(options.colour_topic, _with(_COLOUR, _COMPRESSED), images)
    if colour is None:
        wanted = options.colour_topic or _COLOUR[0]
        raise InputError(source, "colour topic", found=seen, expected=wanted, remedy="name it with --colour-topic")
    depth = _choose(options.depth_topic, _with(_DEPTH, _COMPRESSED_DEPTH), images)
    if depth is None:
        raise InputError(
            source,
            "depth topic",
            found=seen,
            expected=options.depth_topic or f"{_DEPTH[0]}, depth aligned to colour",
            remedy="record with align_depth.enable:=true, or name the aligned depth with --depth-topic",
        )
    base = colour.removesuffix(_COMPRESSED).rsplit("/", 1)[0]
    info = options.camera_info_topic or f"{base}/camera_info"
    if info not in types:
        infos = ", ".join(sorted(topic for topic, kind in types.items() if kind.endswith("/CameraInfo")))
        raise InputError(
            source,
            "camera info topic",
            found=infos or "no CameraInfo",
            expected=info,
            remedy="record it, or name it with --camera-info-topic",
        )
    return BagTopics(colour, depth, info)


def _with(names: tuple[str, ...], ending: str) -> tuple[str, ...]:
    return (*names, *(name + ending for name in names))


def _choose(named: str | None, known: tuple[str, ...], images: list[str]) -> str | None:
    return next((name for name in ((named,) if named else known) if name in images), None)
