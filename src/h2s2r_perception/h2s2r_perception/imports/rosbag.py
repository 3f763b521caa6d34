"""ROS bags, read without ROS: MCAP and sqlite3 of ROS 2, and `.bag` of ROS 1, with realsense2_camera's topics.

Colour and depth are paired by the stamps in their headers, which say when they were measured; when they
were written says little. Intrinsics come from CameraInfo, and where it states a distortion both images
are undistorted (depth by the nearest pixel: a mean of two surfaces is on neither). The camera's pose is
the chain of static transforms from the world frame, where the bag has one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports import bag_messages
from h2s2r_perception.imports.bag_package import require_rosbags
from h2s2r_perception.imports.bag_topics import BagTopics, choose_topics
from h2s2r_perception.imports.bag_transforms import StaticTransforms
from h2s2r_perception.imports.foreign import ForeignFrame, ForeignRecording, ImportOptions, Layout
from h2s2r_perception.imports.images import same_size
from h2s2r_perception.imports.pairing import pair_stamps

TF_STATIC = "/tf_static"


def evidence(source: Path) -> str | None:
    """Whether this is a bag: by its metadata, its ending, or the tables of its database."""
    if source.is_dir():
        return "metadata.yaml of a ROS 2 bag" if (source / "metadata.yaml").is_file() else None
    if source.suffix in {".mcap", ".bag"}:
        return f"a {source.suffix} file"
    if source.suffix == ".db3" and not is_librealsense(source):
        return "a .db3 file with ROS topics"
    return None


def is_librealsense(path: Path) -> bool:
    """Whether a `.db3` is librealsense's: it keeps its streams under /device_0/."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT name FROM topics").fetchall()
    except sqlite3.Error:
        return False
    return any(str(name).startswith("/device_") for (name,) in rows)


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open a bag; it is read once for the stamps, and once more for the images.

    Raises:
        InputError: It is broken or cut off, lacks a topic, or its colour and depth never pair.
    """
    with _opened(source) as reader:
        topics = choose_topics(reader, options, source)
        stamps = {topic: _stamps(reader, topic) for topic in (topics.colour, topics.depth)}
        pairs = pair_stamps(stamps[topics.colour], stamps[topics.depth], options.pairing_tolerance_s, source)
        info = _first(reader, topics.camera_info, source)
        first = _first(reader, topics.colour, source)
        rgb = bag_messages.colour(first, topics.colour)
        size = (rgb.shape[1], rgb.shape[0])
        K = bag_messages.intrinsics(info, topics.camera_info, size, topics.rectified)
        rectify = None if topics.rectified else bag_messages.rectifier(info, topics.camera_info, K, size)
        transforms = StaticTransforms(_messages(reader, TF_STATIC))
    frame = first.header.frame_id
    T_world_camera = transforms.pose_in(options.world_frame, frame)
    notes = [f"{topics.colour} with {topics.depth}", *pairs.notes]
    if rectify is not None:
        notes.append(f"lens distortion of {topics.camera_info} undone")
    if T_world_camera is None and transforms.root(frame) != frame:
        notes.append(f"static transforms lead from {frame} to {transforms.root(frame)!r} (--world-frame)")
    return ForeignRecording(
        camera_matrix=K,
        camera_name=topics.colour,
        frames=lambda: _frames(source, topics, pairs.stamp_ns, rectify, size),
        T_world_camera=T_world_camera,
        notes=tuple(notes),
    )


LAYOUT = Layout("rosbag", "ROS 2 bag (folder, .mcap, .db3) or ROS 1 .bag with colour and aligned depth", evidence, read)


def _frames(
    source: Path,
    topics: BagTopics,
    stamp_ns: NDArray[np.int64],
    rectify: bag_messages.Rectify | None,
    size: tuple[int, int],
) -> Iterator[ForeignFrame]:
    """Images wait until their partner has come; only those that have one are kept."""
    wanted = {topics.colour: set(stamp_ns[:, 0].tolist()), topics.depth: set(stamp_ns[:, 1].tolist())}
    waiting: dict[str, dict[int, Any]] = {topics.colour: {}, topics.depth: {}}
    following = 0
    with _opened(source) as reader:
        for connection, _, raw in reader.messages([c for c in reader.connections if c.topic in wanted]):
            message = reader.deserialize(raw, connection.msgtype)
            stamp = _stamp(message)
            if stamp in wanted[connection.topic]:
                waiting[connection.topic].setdefault(stamp, message)
            while following < len(stamp_ns):
                colour_ns, depth_ns = (int(value) for value in stamp_ns[following])
                if colour_ns not in waiting[topics.colour] or depth_ns not in waiting[topics.depth]:
                    break
                rgb = bag_messages.colour(waiting[topics.colour].pop(colour_ns), topics.colour)
                depth = bag_messages.depth_mm(waiting[topics.depth].pop(depth_ns), topics.depth)
                same_size(depth, size, topics.depth)
                if rectify is not None:
                    rgb, depth = rectify(rgb, cv2.INTER_LINEAR), rectify(depth, cv2.INTER_NEAREST)
                yield ForeignFrame(colour_ns, rgb, depth)
                following += 1


@contextmanager
def _opened(source: Path) -> Iterator[Any]:
    """A reader of `rosbags`, whose every complaint becomes one line."""
    require_rosbags(source)
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    try:
        with AnyReader([source], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            yield reader
    except (InputError, GeneratorExit):
        raise
    except Exception as error:  # a cut-off file makes its parsers raise whatever they stumble over
        raise InputError(
            source,
            "bag",
            found=str(error) or type(error).__name__,
            expected="a whole ROS bag",
            remedy="copy it again; `ros2 bag reindex` mends one whose recorder was killed",
        ) from error


def _messages(reader: Any, topic: str) -> Iterator[Any]:
    connections = [connection for connection in reader.connections if connection.topic == topic]
    if connections:  # none would mean all
        for connection, _, raw in reader.messages(connections):
            yield reader.deserialize(raw, connection.msgtype)


def _first(reader: Any, topic: str, source: Path) -> Any:
    for message in _messages(reader, topic):
        return message
    raise InputError(
        source, topic, found="no message", expected="at least one", remedy="record this topic, or name another"
    )


def _stamps(reader: Any, topic: str) -> NDArray[np.int64]:
    return np.unique(np.array([_stamp(message) for message in _messages(reader, topic)], dtype=np.int64))


def _stamp(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
