"""A `.db3` as librealsense records it, for realsense-viewer and for drivers tested without a camera.

Made by librealsense's own recorder from a software device that is fed the frames. The format keeps stamps as
milliseconds in doubles (exact to about a microsecond) and knows no pose of the camera.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.realsense_stream import librealsense
from h2s2r_perception.exports.frames import depth_mm
from h2s2r_perception.exports.layout import ExportLayout, ExportOptions
from h2s2r_perception.exports.source import ExportSource
from h2s2r_perception.recording import DEPTH_SCALE_M, Recording

_FLUSH_S = 5.0
"""How long the recorder may take for one frame [s]."""


def write(source: ExportSource, output: Path, options: ExportOptions) -> tuple[str, ...]:
    """Write the file.

    Raises:
        InputError: `pyrealsense2` is missing, or librealsense refuses the streams.
    """
    rs, recording = librealsense(), source.recording
    try:
        device = _SoftwareCamera(rs, recording)
        recorder = rs.recorder(str(output), device.device)
        written = _Counter()
        sensors = recorder.query_sensors()
        for sensor in sensors:
            sensor.open(sensor.get_stream_profiles())
            sensor.start(written.count)
        for index in range(recording.frame_count):
            device.feed(index)
            written.wait_for(2 * (index + 1))
        for sensor in sensors:
            sensor.stop()
            sensor.close()
        # The recorder writes the rest when it goes.
        del sensors, recorder
    except RuntimeError as error:
        raise InputError(
            output, "recording", found=str(error), expected="streams librealsense records", remedy="use another layout"
        ) from error
    return ("the camera's pose is not in this format: give it again with --camera-pose",)


LAYOUT = ExportLayout("realsense", "a .db3 as librealsense records it", write, suffix=".db3")


class _Counter:
    """Counts the frames that came out of the recorder."""

    def __init__(self) -> None:
        self._frames = 0

    def count(self, frame: Any) -> None:
        self._frames += 1

    def wait_for(self, frames: int) -> None:
        deadline = time.monotonic() + _FLUSH_S
        while self._frames < frames:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the recorder took {self._frames} of {frames} images")
            time.sleep(0.0005)


class _SoftwareCamera:
    """A librealsense device of colour and depth that look the same way, fed by hand."""

    def __init__(self, rs: Any, recording: Recording) -> None:
        self._rs, self._recording = rs, recording
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.name, recording.camera_name)
        self.device.register_info(rs.camera_info.serial_number, "0")
        self._depth = self.device.add_sensor("Stereo Module")
        self._colour = self.device.add_sensor("RGB Camera")
        self._depth.add_read_only_option(rs.option.depth_units, DEPTH_SCALE_M)
        self._depth_profile = self._depth.add_video_stream(self._stream(rs.stream.depth, rs.format.z16, 1, 2))
        self._colour_profile = self._colour.add_video_stream(self._stream(rs.stream.color, rs.format.rgb8, 2, 3))
        same = rs.extrinsics()
        same.rotation, same.translation = np.eye(3).reshape(-1).tolist(), [0.0, 0.0, 0.0]
        self._depth_profile.register_extrinsics_to(self._colour_profile, same)
        self._in_use: list[Any] = []

    def feed(self, index: int) -> None:
        """Give one frame of both streams to whoever listens."""
        rgb, depth = self._recording.rgb(index), depth_mm(self._recording, index)
        # librealsense reads the pixels later, from our memory.
        self._in_use = [
            *self._in_use[-4:],
            self._frame(index, depth, self._depth_profile, self._depth, 2),
            self._frame(index, rgb, self._colour_profile, self._colour, 3),
        ]

    def _frame(self, index: int, pixels: Any, profile: Any, sensor: Any, bytes_per_pixel: int) -> Any:
        frame = self._rs.software_video_frame()
        frame.pixels = np.ascontiguousarray(pixels)
        frame.stride, frame.bpp = pixels.shape[1] * bytes_per_pixel, bytes_per_pixel
        frame.timestamp = float(self._recording.stamp_ns[index]) * 1e-6
        frame.domain = self._rs.timestamp_domain.global_time
        frame.frame_number = index + 1
        frame.profile = profile.as_video_stream_profile()
        frame.depth_units = DEPTH_SCALE_M
        sensor.on_video_frame(frame)
        return frame

    def _stream(self, kind: Any, pixel_format: Any, uid: int, bytes_per_pixel: int) -> Any:
        recording, rs = self._recording, self._rs
        stream, lens = rs.video_stream(), rs.intrinsics()
        lens.width, lens.height = recording.image_size
        K = recording.camera_matrix
        lens.fx, lens.fy, lens.ppx, lens.ppy = (float(v) for v in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        lens.model, lens.coeffs = rs.distortion.none, [0.0] * 5
        stream.type, stream.index, stream.uid, stream.fmt, stream.bpp = kind, 0, uid, pixel_format, bytes_per_pixel
        stream.width, stream.height = recording.image_size
        stream.fps, stream.intrinsics = _rate_hz(recording), lens
        return stream


def _rate_hz(recording: Recording) -> int:
    period_s = np.diff(recording.stamp_ns) * 1e-9
    return max(1, round(1.0 / float(np.median(period_s)))) if period_s.size else 30
