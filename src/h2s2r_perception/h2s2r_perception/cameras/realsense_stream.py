"""The one module that speaks to librealsense: a started pipeline, one aligned pair of images after the other."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.exposure import lock_exposure
from h2s2r_perception.cameras.lens import Rectification
from h2s2r_perception.cameras.realsense_configuration import RealSenseConfiguration
from h2s2r_perception.cameras.source import FloatArray

_PAIR_TOLERANCE = 0.6
"""Colour and depth further apart than this many periods were not measured together; the two sensors of a D400
run freely, so half a period is common."""


class CameraLostError(Exception):
    """The camera is not there (any more); it may come back."""


class StreamEndedError(Exception):
    """The file has no more frames."""


@dataclass(frozen=True, eq=False)
class RealSensePair:
    """One colour image and its aligned depth, and how librealsense numbered and stamped them."""

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    number: int
    """Of the colour frame; counts up by one for every frame that the camera makes."""
    stamp_ns: int
    """Of the colour frame, by the clock named by `hardware_clock` [ns]."""
    hardware_clock: bool
    """The stamp is by the camera's own clock; otherwise by this machine's."""
    arrival_ns: int
    """When it was received, by this machine's clock [ns]."""


def librealsense() -> Any:
    """The `pyrealsense2` module.

    Raises:
        InputError: It is not installed.
    """
    try:
        import pyrealsense2
    except ImportError as error:
        raise InputError(
            "RealSense",
            "pyrealsense2",
            found="not installed",
            expected="librealsense's Python package",
            remedy="pip install pyrealsense2==2.59.1.11053",
        ) from error
    return pyrealsense2


class RealSenseStream:
    """A running pipeline, of a camera on USB or of a file that librealsense recorded.

    Args:
        configuration: Streams and filters; a file brings its own streams.
        file: A recording of librealsense; None for a camera.

    Raises:
        CameraLostError: There is no such camera, or it cannot be started.
        InputError: The file is none of librealsense's, or lacks colour or depth; or the camera has no such streams.
    """

    def __init__(self, configuration: RealSenseConfiguration, file: Path | None = None) -> None:
        self._rs = rs = librealsense()
        self._file = file
        self._resuming: threading.Thread | None = None
        self._pipeline, config = rs.pipeline(), rs.config()
        if file is None:
            _ask_for_streams(rs, config, configuration)
        else:
            _check_file(file)
            config.enable_device_from_file(str(file), repeat_playback=False)
        try:
            self._playback = None if file is None else self._held_playback(config)
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise _start_error(configuration, file, str(error)) from error
        self.device = profile.get_device()
        colour = self._colour_profile(profile)
        lens = colour.get_intrinsics()
        self._rectification = Rectification.of_lens(rs, lens)
        self.name = str(self.device.get_info(rs.camera_info.name))
        self.serial = str(self.device.get_info(rs.camera_info.serial_number))
        self.image_size = (int(lens.width), int(lens.height))
        self.camera_matrix: FloatArray = np.array([[lens.fx, 0.0, lens.ppx], [0.0, lens.fy, lens.ppy], [0.0, 0.0, 1.0]])
        self.rate_hz = float(colour.fps())
        self._align = None if _same_view(rs, profile, colour) else rs.align(rs.stream.color)
        self._filters = _depth_filters(rs, configuration)

    def _held_playback(self, config: Any) -> Any:
        """The file, not in librealsense's real time, which skips what the reader is too slow for.

        It is held until somebody listens: librealsense starts the sensors one after the other, and what the first
        plays before the second runs finds no partner.
        """
        playback = config.resolve(self._rs.pipeline_wrapper(self._pipeline)).get_device().as_playback()
        playback.set_real_time(False)
        playback.pause()
        return playback

    def _colour_profile(self, profile: Any) -> Any:
        kinds = {stream.stream_type(): stream for stream in profile.get_streams()}
        missing = [
            str(kind).split(".")[-1] for kind in (self._rs.stream.color, self._rs.stream.depth) if kind not in kinds
        ]
        if missing:
            self.close()
            raise InputError(
                self._file or "RealSense",
                "streams",
                found=f"no {' and no '.join(missing)}",
                expected="colour and depth",
                remedy="record both streams",
            )
        return kinds[self._rs.stream.color].as_video_stream_profile()

    @property
    def distortion_px(self) -> float:
        """How far the lens moves the most distorted pixel [px]; images are rectified when it matters."""
        return self._rectification.largest_px

    def next(self, timeout_s: float) -> RealSensePair | None:
        """The next pair, or None when none has come in time, or what came was no pair.

        Raises:
            CameraLostError: librealsense has lost the camera.
            StreamEndedError: The file has ended.
        """
        if self._playback is not None and self._resuming is None:
            # In a thread: librealsense plays inside `resume` until frames are taken.
            self._resuming = threading.Thread(target=self._playback.resume, daemon=True)
            self._resuming.start()
        try:
            arrived, frames = self._pipeline.try_wait_for_frames(int(1e3 * timeout_s))
        except RuntimeError as error:
            raise CameraLostError(str(error)) from error
        arrival_ns = time.time_ns()
        if not arrived:
            if self._playback is not None and self._playback.current_status() == self._rs.playback_status.stopped:
                raise StreamEndedError
            return None
        colour, depth = frames.get_color_frame(), frames.get_depth_frame()
        if not colour or not depth or not self._together(colour, depth):
            return None
        for process in self._filters:
            frames = process(frames).as_frameset()
        if self._align is not None:
            frames = self._align.process(frames)
        depth = frames.get_depth_frame()
        rgb = _rgb(self._rs, colour)
        depth_m = np.asanyarray(depth.get_data()).astype(np.float32) * np.float32(depth.get_units())
        self._last_colour = colour
        return RealSensePair(
            rgb=self._rectification.colour(rgb),
            depth_m=self._rectification.depth(depth_m),
            number=int(colour.get_frame_number()),
            stamp_ns=round(1e6 * colour.get_timestamp()),
            hardware_clock=colour.get_frame_timestamp_domain() == self._rs.timestamp_domain.hardware_clock,
            arrival_ns=arrival_ns,
        )

    def _together(self, colour: Any, depth: Any) -> bool:
        # librealsense hands out a set as soon as one of its frames is new; the other may be that of the set before.
        if colour.get_frame_timestamp_domain() != depth.get_frame_timestamp_domain():
            return True
        return abs(colour.get_timestamp() - depth.get_timestamp()) <= _PAIR_TOLERANCE * 1e3 / self.rate_hz

    def lock_exposure(self) -> str:
        """Hold what the automatic exposure and white balance have found; says what was held."""
        rs = self._rs
        sensors = [sensor for sensor in self.device.query_sensors() if sensor.supports(rs.option.enable_auto_exposure)]
        colour = [sensor for sensor in sensors if sensor.is_color_sensor()]
        return lock_exposure(rs, colour[0], self._last_colour) if colour else ""

    def close(self) -> None:
        """Stop the pipeline; a camera that was pulled out makes no trouble."""
        try:
            self._pipeline.stop()
        except RuntimeError:
            return


def _same_view(rs: Any, profile: Any, colour: Any) -> bool:
    """Whether depth is already as colour sees it, as in a file made of a Recording.

    To align it again would round some of its pixels to their neighbours.
    """
    depth = profile.get_stream(rs.stream.depth).as_video_stream_profile()
    lenses = [stream.get_intrinsics() for stream in (depth, colour)]
    parts = [(lens.width, lens.height, lens.fx, lens.fy, lens.ppx, lens.ppy) for lens in lenses]
    between = depth.get_extrinsics_to(colour)
    still = np.allclose(between.rotation, np.eye(3).reshape(-1), atol=1e-9) and not any(between.translation)
    return bool(still and parts[0] == parts[1])


def _ask_for_streams(rs: Any, config: Any, configuration: RealSenseConfiguration) -> None:
    serials = [str(device.get_info(rs.camera_info.serial_number)) for device in rs.context().query_devices()]
    if not serials or (configuration.serial and configuration.serial not in serials):
        raise CameraLostError(f"{', '.join(serials) or 'none'} on USB")
    if configuration.serial:
        config.enable_device(configuration.serial)
    c = configuration
    config.enable_stream(rs.stream.depth, c.depth_width, c.depth_height, rs.format.z16, c.rate_hz)
    config.enable_stream(rs.stream.color, c.width, c.height, rs.format.rgb8, c.rate_hz)


def _check_file(file: Path) -> None:
    # librealsense dies of some files that are not its own.
    known = {".db3": b"SQLite format 3\x00", ".bag": b"#ROSBAG V"}
    expected = "a recording of librealsense (.db3, or .bag of older versions)"
    remedy = "record one with realsense-viewer or rs-record"
    try:
        with file.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise InputError(file, "file", found=error.strerror or str(error), expected=expected, remedy=remedy) from error
    if not head.startswith(known.get(file.suffix, b"\x00no such suffix")):
        raise InputError(file, "content", found="something else", expected=expected, remedy=remedy)


def _start_error(configuration: RealSenseConfiguration, file: Path | None, message: str) -> Exception:
    if file is not None:
        return InputError(
            file, "content", found=message, expected="a recording of librealsense", remedy="record it again"
        )
    if "resolve" in message:
        c = configuration
        return InputError(
            "RealSense",
            "streams",
            found="not offered by this camera on this port",
            expected=f"colour {c.width}x{c.height}, depth {c.depth_width}x{c.depth_height} at {c.rate_hz} Hz",
            remedy="use a USB 3 port and cable, or choose a profile that `rs-enumerate-devices` lists",
        )
    return CameraLostError(message)


def _depth_filters(rs: Any, configuration: RealSenseConfiguration) -> list[Any]:
    """Processing in librealsense's recommended order: smoothing works on disparity."""
    smoothing = []
    if configuration.spatial_filter:
        smoothing.append(rs.spatial_filter())
    if configuration.temporal_filter:
        smoothing.append(rs.temporal_filter())
    if smoothing:
        smoothing = [rs.disparity_transform(True), *smoothing, rs.disparity_transform(False)]
    holes = [rs.hole_filling_filter()] if configuration.hole_filling else []
    return [block.process for block in (*smoothing, *holes)]


def _rgb(rs: Any, frame: Any) -> NDArray[np.uint8]:
    """Colour of a frame, copied: librealsense uses its memory again."""
    pixels = np.asanyarray(frame.get_data())
    kind = frame.get_profile().format()
    if kind == rs.format.rgb8:
        return pixels.copy()
    if kind == rs.format.bgr8:
        return np.ascontiguousarray(pixels[..., ::-1])
    if kind == rs.format.yuyv:
        image = pixels.view(np.uint8).reshape(frame.get_height(), frame.get_width(), 2)
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2RGB_YUYV), dtype=np.uint8)
    raise InputError(
        "RealSense", "colour format", found=str(kind), expected="rgb8, bgr8 or yuyv", remedy="record colour as rgb8"
    )
