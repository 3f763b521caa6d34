"""Videos small enough to live inside the page."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from h2s2r_perception.artefact import InputError

WIDTH_PX = 640
"""Three videos stand side by side; more pixels than the recording has would only make the page heavier."""
QUALITY = 26
"""x264's constant rate factor: higher is smaller."""


def from_file(path: Path) -> str:
    """Transcode a video to H.264, which every browser plays, and return it as a `data:` URL."""
    return _encode(["-i", str(path)], path)


def from_frames(folder: Path, rate_hz: float) -> str:
    """Make a video of `%05d.png` frames and return it as a `data:` URL.

    Args:
        folder: Holds the frames, numbered from 0.
        rate_hz: Frames per second.
    """
    return _encode(["-framerate", f"{rate_hz:.4f}", "-i", str(folder / "%05d.png")], folder)


def _encode(source: Sequence[str], named: Path) -> str:
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "video.mp4"
        # Even sides and 4:2:0 are what browsers insist on; the index goes first so that play starts at once.
        form = f"scale='min({WIDTH_PX},iw)':-2,format=yuv420p,pad=ceil(iw/2)*2:ceil(ih/2)*2"
        options = ["-vf", form, "-c:v", "libx264", "-preset", "veryfast", "-crf", str(QUALITY), "-an"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, *options]
        done = subprocess.run(
            [*command, "-movflags", "+faststart", str(target)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise InputError(
                named,
                "video",
                found=(done.stderr.strip().splitlines() or ["nothing ffmpeg can read"])[-1],
                expected="a video or numbered PNG frames",
                remedy="make that artefact again with --force",
            )
        return "data:video/mp4;base64," + base64.b64encode(target.read_bytes()).decode("ascii")
