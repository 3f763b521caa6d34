"""Where each artefact of one task lies; the only place that knows the folder names."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEFAULT_ROOT = Path("runs")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one task's run, `<root>/<task>/` (docs/architecture.md).

    A run for another robot than the task's own has a folder of its own, `<root>/<task>-<embodiment>/`. What the human
    did is seen once: there, recording, ground truth and demonstration are links into `human`.
    """

    path: Path
    human: Path | None = None
    """Folder of the recording and the demonstration, when it is another than `path`."""

    def link_human(self) -> None:
        """Make the links, whether or not what they lead to exists yet; anything else of these names is left alone."""
        if self.human is None:
            return
        for name in ("recording", "ground_truth", "demonstration"):
            link = self.path / name
            if not link.exists() and not link.is_symlink():
                link.symlink_to(os.path.relpath(self.human / name, self.path))

    @property
    def recording(self) -> Path:
        """Colour, depth, intrinsics and stamps of the human."""
        return self.path / "recording"

    @property
    def ground_truth(self) -> Path:
        """What the synthetic demonstrator knows; evaluation code and the report only."""
        return self.path / "ground_truth"

    @property
    def demonstration(self) -> Path:
        """Object trajectory, hand joints and the pre-manipulation frame."""
        return self.path / "demonstration"

    @property
    def retargeting(self) -> Path:
        """The robot's pre-manipulation configuration and its path."""
        return self.path / "retargeting"

    @property
    def training(self) -> Path:
        """Checkpoints and the learning curve; grows while training, resumable."""
        return self.path / "training"

    @property
    def policy(self) -> Path:
        """The policy bundle: network, contract, checkpoint."""
        return self.path / "policy"

    @property
    def evaluation(self) -> Path:
        """Success of the policy and of the baselines."""
        return self.path / "evaluation"

    @property
    def deployment(self) -> Path:
        """Trials through the ROS graph, with latencies."""
        return self.path / "deployment"

    @property
    def report(self) -> Path:
        """The HTML page."""
        return self.path / "report.html"


def is_imported(run: RunFolder) -> bool:
    """Whether the recording came from a camera or from others, not from `h2s2r demonstrate`.

    Such a recording is never replaced by a rendered one; poses that came with it are its ground truth.
    """
    meta = run.recording / "meta.json"
    if not meta.is_file():
        return False
    try:
        configuration = json.loads(meta.read_text(encoding="utf-8")).get("configuration") or {}
    except (ValueError, AttributeError):  # broken; the stage that reads it says so in words
        return True
    return "demonstrator" not in configuration


def has_ground_truth(run: RunFolder) -> bool:
    """Whether `ground_truth/` is of the recording that is there: rendered with it, or imported with it."""
    meta = run.ground_truth / "meta.json"
    if not meta.is_file():
        return False
    try:
        came_with_data = "origin" in json.loads(meta.read_text(encoding="utf-8"))
    except (ValueError, TypeError):
        return False
    return came_with_data == is_imported(run)


@contextlib.contextmanager
def only_writer(run: RunFolder) -> Iterator[None]:
    """Keep a second command from writing the same run folder at the same time.

    The lock is a POSIX record lock: the kernel drops it when the process dies, however it dies, and
    worker processes do not inherit it.

    Raises:
        InputError: Another process holds the folder, or it cannot be written.
    """
    from h2s2r_perception.artefact import InputError

    try:
        run.path.mkdir(parents=True, exist_ok=True)
        run.link_human()
        lock = (run.path / ".lock").open("a+")
    except OSError as error:
        raise InputError(
            run.path,
            "run folder",
            found=error.strerror or str(error),
            expected="a folder that can be written",
            remedy="choose another --root",
        ) from error
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise InputError(
                run.path,
                "lock",
                found=f"another h2s2r at work (process {lock.read().strip() or 'unknown'})",
                expected="one command at a time in a run folder",
                remedy="wait for it, or choose another --root",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
