"""A camera, or what one recorded, on the topics of `realsense2_camera`."""

from __future__ import annotations

import threading
import time
from collections import deque

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from h2s2r_perception.cameras import CameraFrame, RealSenseCamera, RealSenseConfiguration, open_camera
from h2s2r_perception.nodes.image_publisher import ImagePublisher
from h2s2r_perception.nodes.run_node import run_node

_STATUS_PERIOD_S = 1.0
_SUBSCRIBER_LIMIT_S = 60.0
"""Longest wait for `wait_for_subscribers`."""
_MATCHED_S = 0.5
"""How much later than we of them a subscriber may learn of us; what is published before, it does not get."""


class CameraNode(Node):
    """Parameters.

    Attributes:
        source (string, `realsense`): `realsense`, the folder of a Recording, or a file of librealsense (.db3, .bag).
        serial (string, empty): Serial number of the RealSense; empty: the first found.
        width, height (integer [px], 640, 480): Of colour and aligned depth.
        depth_width, depth_height (integer [px], 848, 480): Of depth before it is aligned.
        rate_hz (integer, 30): Of both streams; what the camera offers at that size (6, 15, 30, 60, 90).
        lock_exposure (bool, true): Hold exposure and white balance after `warm_up_frames` (integer, 45).
        spatial_filter, temporal_filter, hole_filling (bool, false): librealsense's depth filters.
        loop (bool, false): Play a Recording over and over; otherwise the node ends with it.
        restamp (bool, true): Stamp played frames as if they were measured now, their intervals kept.
        wait_for_subscribers (integer, 0): Begin to play when this many nodes get images.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("camera", **kwargs)
        source = str(self.declare_parameter("source", "realsense").value)
        loop = bool(self.declare_parameter("loop", False).value)
        self._restamp = bool(self.declare_parameter("restamp", True).value)
        self._wait_for = int(self.declare_parameter("wait_for_subscribers", 0).value)
        self.camera = open_camera(source, self._configuration(), loop=loop, tell=self.get_logger().warning)
        self._live = isinstance(self.camera, RealSenseCamera) and source == "realsense"
        self.camera.__enter__()
        self._publisher = ImagePublisher(self)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._published = 0
        self._latency_ms: deque[float] = deque(maxlen=300)
        self._dropped_before, self._published_before, self._checked = 0, 0, time.monotonic()
        self._closing = threading.Event()
        self.create_timer(_STATUS_PERIOD_S, self._report)
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._thread.start()

    def _configuration(self) -> RealSenseConfiguration:
        names = ("serial", "width", "height", "depth_width", "depth_height", "rate_hz", "lock_exposure")
        names += ("warm_up_frames", "spatial_filter", "temporal_filter", "hole_filling")
        default = RealSenseConfiguration()
        return RealSenseConfiguration(
            **{name: self.declare_parameter(name, getattr(default, name)).value for name in names}
        )

    @property
    def ended(self) -> bool:
        """Whether the recording has been played."""
        return not self._thread.is_alive()

    def destroy_node(self) -> None:
        """Give the camera back."""
        self._closing.set()
        self.camera.__exit__(None, None, None)
        self._thread.join(timeout=5.0)
        self._report()
        super().destroy_node()

    def _run(self) -> None:
        deadline = time.monotonic() + _SUBSCRIBER_LIMIT_S
        while self._publisher.subscribers < self._wait_for and time.monotonic() < deadline:
            if self._closing.wait(0.02):
                return
        if self._wait_for and self._closing.wait(_MATCHED_S):
            return
        keeps_stamps = self._live or not self._restamp
        shift_ns = 0 if keeps_stamps else None
        for frame in self.camera.frames():
            if self._closing.is_set():
                return
            if not keeps_stamps:
                # No frame is stamped later than it is published, even if this thread was held up at the first one.
                now_ns = time.time_ns() - frame.stamp_ns
                shift_ns = now_ns if shift_ns is None else min(shift_ns, now_ns)
            self._publish(frame, frame.stamp_ns + shift_ns)
        self._publisher.flush()
        if not self._closing.is_set():
            self.get_logger().info(f"the source has ended after {self._published} frames")

    def _publish(self, frame: CameraFrame, stamp_ns: int) -> None:
        self._publisher.publish(frame, stamp_ns, self.camera.camera_matrix)
        self._published += 1
        self._latency_ms.append((time.time_ns() - stamp_ns) * 1e-6)

    def _report(self) -> None:
        now, health = time.monotonic(), self.camera.health
        rate_hz = (self._published - self._published_before) / max(now - self._checked, 1e-3)
        dropped = health.dropped_frames - self._dropped_before
        self._published_before, self._checked, self._dropped_before = self._published, now, health.dropped_frames
        level, text = DiagnosticStatus.OK, "streaming"
        if not health.connected:
            level, text = DiagnosticStatus.ERROR, "the camera is pulled out"
        elif dropped:
            level, text = DiagnosticStatus.WARN, f"{dropped} frames dropped"
        values = {
            "rate_hz": f"{rate_hz:.2f}",
            "published_frames": str(self._published),
            "dropped_frames": str(health.dropped_frames),
            "reconnects": str(health.reconnects),
        }
        if self._latency_ms and (self._live or self._restamp):
            values["latency_ms"] = f"{sorted(self._latency_ms)[len(self._latency_ms) // 2]:.2f}"
        status = DiagnosticStatus(
            level=level,
            name="camera",
            hardware_id=self.camera.name,
            message=text,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main() -> None:
    """Entry point; exit code 0 when a recording has been played, 2 on bad parameters."""
    run_node(CameraNode)


if __name__ == "__main__":
    main()
