"""`h2s2r record`: begins and ends when told to, keeps what it has, and says what it is worth."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from h2s2r_bringup import cli
from h2s2r_bringup.keys import Keys
from h2s2r_bringup.record import StatusLine, TakeOptions, record
from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraFrame, CameraHealth
from h2s2r_perception.capture import CameraPump, RecordingSession
from h2s2r_perception.recording import Recording, RecordingWriter

K = np.array([[150.0, 0.0, 80.0], [0.0, 150.0, 60.0], [0.0, 0.0, 1.0]])
FROM_ABOVE = np.array([[1.0, 0, 0, 0.6], [0, -1, 0, 0], [0, 0, -1, 1.0], [0, 0, 0, 1]])
PERIOD_NS = 10_000_000
NOW = TakeOptions(countdown_s=0.0, wait_for_key=False)


class Camera:
    """100 Hz until it is closed, or for `count` frames; pulled out for `gap_s` after frame `pulled_after`."""

    name, image_size, camera_matrix = "test", (160, 120), K

    def __init__(self, count=10**9, *, pulled_after=None, gap_s=0.0):
        self.count, self.pulled_after, self.gap_s = count, pulled_after, gap_s
        self.health = CameraHealth()
        self._closing = threading.Event()

    def frames(self):
        rgb = np.random.default_rng(0).integers(30, 220, (6, 8, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
        for index in range(self.count):
            if self._closing.wait(0.01):
                return
            if index == self.pulled_after:
                self.health = CameraHealth(connected=False)
                if self._closing.wait(0.3):  # a 5 s gap in the stamps need not take 5 s in a test
                    return
                self.health = CameraHealth(reconnects=1)
            late_ns = int(self.gap_s * 1e9) if self.pulled_after is not None and index >= self.pulled_after else 0
            yield CameraFrame(10**18 + index * PERIOD_NS + late_ns, rgb, np.full((120, 160), 0.9, np.float32))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._closing.set()


def session_at(folder, said):
    def new():
        return RecordingSession(
            folder, camera_matrix=K, T_world_camera=FROM_ABOVE, camera_name="test", tell=said.append
        )

    return new


def take(folder, camera, options=NOW, keys=None, said=None, text=None):
    text = text or io.StringIO()
    with CameraPump(camera) as pump, keys or Keys(io.StringIO()) as opened:
        said = [] if said is None else said
        return record(pump, session_at(folder, said), options, opened, StatusLine(text)), text.getvalue()


def test_a_take_ends_by_itself_after_the_time_asked_for(tmp_path):
    quality, text = take(tmp_path / "r", Camera(), TakeOptions(countdown_s=0.3, seconds=0.5, wait_for_key=False))
    assert quality.duration_s == pytest.approx(0.5, abs=0.1)
    assert "recording in 0.3 s" in text and "REC" in text
    assert Recording.open(tmp_path / "r").frame_count == quality.frame_count


def test_a_take_ends_with_its_source(tmp_path):
    quality, _ = take(tmp_path / "r", Camera(count=20))
    assert quality.frame_count == 20


def test_a_camera_pulled_out_leaves_a_gap_and_the_take_goes_on(tmp_path):
    said = []
    quality, _ = take(tmp_path / "r", Camera(count=40, pulled_after=20, gap_s=5.0), said=said)
    assert quality.frame_count == 40
    (gap,) = quality.gaps
    assert (gap.after_frame, gap.duration_s) == (19, pytest.approx(5.01))
    assert "the camera is pulled out" in said and "a gap of 5.0 s without frames" in said
    meta = json.loads((tmp_path / "r/meta.json").read_text())
    assert meta["quality"]["reconnects"] == 1
    assert meta["gaps"][0]["after_frame"] == 19


class Typist(threading.Thread):
    """Presses each key a moment after a text has appeared."""

    def __init__(self, keyboard, text, *presses):
        super().__init__(daemon=True)
        self.keyboard, self.text, self.presses = keyboard, text, presses
        self.start()

    def run(self):
        for sight, keys in self.presses:
            while sight not in self.text.getvalue():
                time.sleep(0.02)
            time.sleep(0.3)
            os.write(self.keyboard, keys)


def test_space_starts_and_stops_q_gives_up(tmp_path):
    keyboard, follower = pty.openpty()
    terminal, text = os.fdopen(follower, "r"), io.StringIO()
    typist = Typist(keyboard, text, ("SPACE starts", b"x "), ("REC", b" "))
    options = TakeOptions(countdown_s=0.1)
    quality, _ = take(tmp_path / "r", Camera(count=1000), options, Keys(terminal), text=text)
    typist.join()
    assert 0.1 < quality.duration_s < 5.0
    text = io.StringIO()
    typist = Typist(keyboard, text, ("SPACE starts", b"q"))
    assert take(tmp_path / "none", Camera(count=1000), TakeOptions(), Keys(terminal), text=text)[0] is None
    typist.join()
    assert not (tmp_path / "none").exists()
    terminal.close()
    os.close(keyboard)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_was_recorded(tmp_path, number):
    before = signal.getsignal(number)
    timer = threading.Timer(0.6, lambda: os.kill(os.getpid(), number))
    timer.start()
    quality, _ = take(tmp_path / "r", Camera())
    timer.join()
    assert quality.frame_count > 5
    assert Recording.open(tmp_path / "r").frame_count == quality.frame_count
    assert signal.getsignal(number) == before


def test_a_camera_that_shows_nothing_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="at least one"):
        take(tmp_path / "r", Camera(count=0))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        take(tmp_path / "r", Camera(count=200))
    assert list(tmp_path.iterdir()) == []


def test_the_cameras_own_error_is_told(tmp_path):
    class Broken(Camera):
        def frames(self):
            raise InputError("camera", "x", found="smoke", expected="none", remedy="air the room")
            yield

    with pytest.raises(InputError, match="smoke"):
        take(tmp_path / "r", Broken())


@pytest.fixture
def played(tmp_path):
    with RecordingWriter.create(
        tmp_path / "source", camera_matrix=K, T_world_camera=np.eye(4), camera_name="test"
    ) as writer:
        for frame in Camera(count=40).frames():
            writer.append(frame.rgb, frame.depth_mm, frame.stamp_ns)
    return tmp_path / "source"


def test_the_command_records_what_is_played_and_says_that_nobody_calibrated(played, tmp_path, capsys):
    options = ["--camera", str(played), "--root", str(tmp_path / "runs")]
    assert cli.main(["record", *options]) == 0
    text = capsys.readouterr().out
    assert "40 frames in 0.4 s at 100.0 Hz" in text
    assert "error: T_world_camera: the identity" in text and "calibrate" in text
    run = tmp_path / "runs" / "snackbox_push"
    np.testing.assert_array_equal(Recording.open(run / "recording").stamp_ns, Recording.open(played).stamp_ns)
    assert (run / "preview.jpg").is_file()
    assert cli.main(["record", *options]) == 2
    assert "--force" in capsys.readouterr().err
    pose = tmp_path / "pose.txt"
    np.savetxt(pose, FROM_ABOVE)
    assert cli.main(["record", *options, "--force", "--camera-pose", str(pose)]) == 0
    assert "identity" not in capsys.readouterr().out
    np.testing.assert_allclose(Recording.open(run / "recording").T_world_camera, FROM_ABOVE)


def test_bad_options_are_one_line(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("rate: 15\n")
    config = ["--config", str(tmp_path / "c.yaml")]
    for options, place in ((["--camera", "webcam"], "realsense"), (config, "rate_hz")):
        assert cli.main(["record", *options, "--root", str(tmp_path / "runs")]) == 2
        error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("h2s2r:")]
        assert len(error) == 1 and place in error[0]
