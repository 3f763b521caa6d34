"""The hand of a Demonstration on `/hand_keypoints`, as if it moved now: what `hand_pose` would have said."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from h2s2r_perception.demonstration import Demonstration
from h2s2r_perception.nodes.hand_keypoints import TOPIC, to_cloud
from h2s2r_perception.nodes.parameters import declared
from h2s2r_perception.nodes.run_node import run_node

_BETWEEN_LOOPS_S = 1.0
"""Without a hand, so that whoever follows it engages anew instead of chasing it back to the start."""
_MATCHED_S = 0.5
"""How much later than we of them a subscriber may learn of us."""


class HandPlaybackNode(Node):
    """Parameters: `demonstration` (folder), `loop`, `wait_for_subscribers`.

    Frames keep their distances in time and are stamped when they are published.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("hand_playback", **kwargs)
        folder = declared(self, "demonstration", "", "Folder of the Demonstration whose hand is played.")
        self._loop = declared(self, "loop", True, "Play over and over; otherwise the node ends with the hand.")
        self._wait_for = declared(
            self, "wait_for_subscribers", 0, "Begin when so many nodes listen to the hand.", between=(0, 100)
        )
        self._demonstration = Demonstration.load(Path(folder))
        self.ended = False
        """Whether all was played."""
        self._closing = threading.Event()
        self._keypoints = self.create_publisher(PointCloud2, TOPIC, 10)
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._keypoints.get_subscription_count() < self._wait_for and not self._closing.wait(0.05):
            pass
        if self._wait_for:
            self._closing.wait(_MATCHED_S)
        since_start_s = 1e-9 * (self._demonstration.stamp_ns - self._demonstration.stamp_ns[0])
        while not self._closing.is_set():
            start_s = time.monotonic()
            for frame, due_s in enumerate(since_start_s):
                if self._closing.wait(max(0.0, start_s + due_s - time.monotonic())):
                    return
                self._publish(frame)
            if not self._loop:
                self.ended = True
                return
            self._closing.wait(_BETWEEN_LOOPS_S)

    def _publish(self, frame: int) -> None:
        joints = self._demonstration.hand_joints_world[frame]
        seen = bool(np.isfinite(joints).all())
        confidence = float(self._demonstration.hand_confidence[frame])
        header = Header(stamp=self.get_clock().now().to_msg())
        self._keypoints.publish(to_cloud(joints if seen else None, confidence, header))

    def destroy_node(self) -> None:
        """Let the thread end first."""
        self._closing.set()
        self._thread.join(timeout=5.0)
        super().destroy_node()


def main() -> None:
    """Entry point; exit code 2 on an unusable Demonstration."""
    run_node(HandPlaybackNode)


if __name__ == "__main__":
    main()
