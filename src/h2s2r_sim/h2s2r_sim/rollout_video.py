"""A video of the robot at work, seen by a bystander."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco

from h2s2r_sim.render_thread import RenderThread
from h2s2r_sim.rendering import Camera, SceneRenderer


def bystander() -> Camera:
    """In front of the robot and to its right, so that the push goes away from the viewer to the right."""
    return Camera.look_at((1.75, -0.85, 0.95), (0.46, 0.0, 0.30), focal_length_px=720.0)


class RolloutVideo:
    """An H.264 video that any browser plays; `close` finishes the file, frames come in between.

    Args:
        path: The mp4 to write.
        model: What is seen.
        camera: From where.
        thread: Where it renders.
        rate_hz: Frames per second of simulated time, also the playback rate.
    """

    def __init__(
        self, path: Path, model: mujoco.MjModel, camera: Camera, thread: RenderThread, *, rate_hz: float
    ) -> None:
        import imageio_ffmpeg

        self._thread = thread
        self._renderer = thread.submit(lambda: SceneRenderer(model, camera)).result()
        self._file: Any = imageio_ffmpeg.write_frames(
            str(path),
            (camera.width, camera.height),
            fps=rate_hz,
            codec="libx264",
            pix_fmt_out="yuv420p",
            output_params=["-preset", "veryfast", "-crf", "24", "-threads", "1", "-movflags", "+faststart"],
            ffmpeg_log_level="error",
        )
        self._file.send(None)

    def add(self, data: mujoco.MjData) -> None:
        """Append the state in `data` (kinematics up to date), which stays as it is until the thread has finished."""
        self._thread.submit(lambda: self._file.send(self._renderer.render(data)[0].tobytes()))

    def close(self) -> None:
        """Finish the file."""
        self._thread.submit(self._renderer.close).result()
        self._file.close()
