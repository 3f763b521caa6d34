"""What is wrong with a recording is seen, measured in its own unit, and said with a remedy."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraFrame, CameraHealth
from h2s2r_perception.capture import RecordingSession
from h2s2r_perception.recording import Recording, RecordingWriter
from h2s2r_perception.recording.frame_quality import FrameJudge, blur_of, smooth_grey
from h2s2r_perception.recording.quality import quality_of, summarise
from h2s2r_perception.segmentation import Workspace

HEIGHT, WIDTH = 120, 160
K = np.array([[150.0, 0.0, 80.0], [0.0, 150.0, 60.0], [0.0, 0.0, 1.0]])
FROM_ABOVE = np.array([[1.0, 0, 0, 0.6], [0, -1, 0, 0], [0, 0, -1, 1.0], [0, 0, 0, 1]])
"""A camera 1 m over the table's corner of the world, looking straight down."""
PERIOD_NS = 33_333_333


def patches(seed=0, shape=(HEIGHT, WIDTH)):
    """Sharp squares of random grey."""
    small = np.random.default_rng(seed).integers(40, 220, (shape[0] // 10, shape[1] // 10)).astype(np.uint8)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_NEAREST)


def coloured(grey, noise=2.0):
    noisy = grey[..., None] + np.random.default_rng(1).normal(0, noise, (*grey.shape, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


DEPTH = np.full((HEIGHT, WIDTH), 0.9, dtype=np.float32)


def frame(index, rgb=None, depth_m=DEPTH):
    return CameraFrame(10**18 + index * PERIOD_NS, coloured(patches()) if rgb is None else rgb, depth_m)


@pytest.mark.parametrize("sigma", [1.5, 2.5, 4.0])
def test_blur_is_measured_in_pixels(sigma):
    sharp = patches(shape=(300, 400))
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma)
    assert blur_of(smooth_grey(coloured(sharp))) < 0.7
    assert blur_of(smooth_grey(coloured(blurred))) == pytest.approx(sigma, rel=0.25)


@pytest.mark.parametrize("length", [8, 14])
def test_motion_blurs_along_one_axis_only_and_is_seen(length):
    sharp = patches(shape=(300, 400)).astype(np.float32)
    for kernel in (np.ones((1, length)), np.ones((length, 1))):
        moved = cv2.filter2D(sharp, -1, kernel.astype(np.float32) / length)
        assert blur_of(smooth_grey(coloured(moved))) == pytest.approx(length / np.sqrt(12), rel=0.3)


def test_only_what_moves_is_judged_when_something_moves():
    judge = FrameJudge()
    still = patches(shape=(300, 400))
    still[40:180, 20:190] = 130  # a plain table, over which a thing moves
    frames = []
    for x in (40, 46):
        with_thing = still.astype(np.float32)
        with_thing[60:160, x : x + 120] = patches(7, (100, 120))
        blurred = cv2.GaussianBlur(with_thing, (0, 0), 4.0)
        with_thing[45:175, 25:185] = blurred[45:175, 25:185]
        frames.append(coloured(with_thing))
    depth_m = np.ones(still.shape, np.float32)
    assert judge(frames[0], depth_m).blur_px < 1.5  # the still background is sharp
    assert judge(frames[1], depth_m).blur_px > 2.5


def test_holes_and_exposure_are_fractions_of_the_image():
    rgb, depth = coloured(patches()), DEPTH.copy()
    rgb[:30], rgb[30:36], depth[:, :40] = 255, 0, 0.0
    figures = FrameJudge()(rgb, depth)
    assert figures.over_exposed_fraction == pytest.approx(0.25, abs=0.01)
    assert figures.under_exposed_fraction == pytest.approx(0.05, abs=0.01)
    assert figures.hole_fraction == pytest.approx(0.25)


def record(folder, frames, T=FROM_ABOVE):
    with RecordingWriter.create(folder, camera_matrix=K, T_world_camera=T, camera_name="t") as writer:
        for each in frames:
            writer.append(each.rgb, each.depth_mm, each.stamp_ns)
    return Recording.open(folder)


def test_a_good_recording_has_nothing_to_say(tmp_path):
    quality = quality_of(record(tmp_path / "r", [frame(index) for index in range(40)]))
    assert quality.findings == ()
    assert quality.usable
    assert (quality.frame_count, quality.dropped_frames, quality.gaps) == (40, 0, ())
    assert quality.rate_hz == pytest.approx(30.0, rel=1e-3)
    assert quality.duration_s == pytest.approx(1.3, rel=1e-3)


def burnt(rgb):
    return np.clip(rgb.astype(int) + 235, 0, 255).astype(np.uint8)


FAULTS = {
    "uncalibrated": ({"T": np.eye(4)}, {}, "error", "T_world_camera", "calibrate"),
    "inverse given": (
        {"T": np.linalg.inv(FROM_ABOVE) @ np.diag([1, -1, -1, 1.0])},
        {},
        "warning",
        "T_world_camera",
        "inv",
    ),
    "over-exposed": ({}, {"rgb": burnt(coloured(patches()))}, "error", "over-exposed", "exposure"),
    "dark": ({}, {"rgb": coloured(patches()) // 25}, "error", "under-exposed", "light"),
    "no depth": ({}, {"depth_m": np.where(np.arange(WIDTH) < 90, 0, DEPTH)}, "warning", "depth holes", "nearer"),
    "out of focus": ({}, {"rgb": coloured(cv2.GaussianBlur(patches(), (0, 0), 3.5))}, "warning", "blur", "focus"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_with_a_remedy(tmp_path, name):
    settings, changes, severity, field, remedy = FAULTS[name]
    recording = record(tmp_path / "r", [frame(index, **changes) for index in range(31)], **settings)
    (finding,) = quality_of(recording).findings
    assert (finding.severity, field in finding.field, remedy in finding.remedy) == (severity, True, True)
    if severity == "error":
        with pytest.raises(InputError, match=field):
            quality_of(recording).require_usable(recording.folder)
    else:
        quality_of(recording).require_usable(recording.folder)


def test_dropped_frames_gaps_and_a_low_rate_come_from_the_stamps():
    index = np.array([n for n in range(90) if n not in {10, 11, 40}])
    stamps = 10**18 + index * PERIOD_NS
    stamps[index >= 60] += 5 * 10**9
    quality = summarise(stamps, [], FROM_ABOVE)
    assert quality.dropped_frames == 3
    (gap,) = quality.gaps
    assert index[gap.after_frame] == 59
    assert gap.duration_s == pytest.approx(5.0333, abs=1e-3)
    assert [finding.field for finding in quality.findings] == ["dropped frames", "gap"]
    slow = summarise(np.arange(40) * 10**8, [], FROM_ABOVE)
    assert [finding.field for finding in slow.findings] == ["frame rate"]
    assert slow.gaps == ()
    fifteen = summarise(np.arange(40) * 66_666_667, [], FROM_ABOVE)
    assert fifteen.findings == ()


def session(folder, said, **options):
    options = {"T_world_camera": FROM_ABOVE, **options}
    return RecordingSession(folder, camera_matrix=K, camera_name="t", tell=said.append, **options)


def test_a_take_becomes_a_recording_with_its_quality_and_its_gap(tmp_path):
    said = []
    with session(tmp_path / "take", said) as take:
        for index in (*range(20), *range(170, 190)):
            take.add(frame(index), CameraHealth(reconnects=int(index > 100)))
        take.add(frame(189))  # no newer than the last: left out
        quality = take.finish(CameraHealth(reconnects=1))
    assert said == ["a gap of 5.0 s without frames"]
    assert take.warnings.now == ()
    recording = Recording.open(tmp_path / "take")
    assert recording.frame_count == 40
    assert np.diff(recording.stamp_ns).max() == pytest.approx(151 * PERIOD_NS)
    meta = json.loads((tmp_path / "take/meta.json").read_text())
    assert meta["gaps"] == [{"after_frame": 19, "duration_s": pytest.approx(5.033, abs=1e-3)}]
    assert meta["quality"]["reconnects"] == 1
    assert meta["quality"]["frame_count"] == 40
    assert meta["quality"]["blur_px_p95"] == pytest.approx(quality.blur_px_p95)
    assert [line.split(":")[1].strip() for line in meta["quality"]["findings"]] == ["gap"]


def test_warnings_are_told_once_while_they_last(tmp_path):
    said = []
    blind = np.zeros_like(DEPTH)
    with session(tmp_path / "take", said) as take:
        for index in range(12):
            take.add(frame(index, rgb=coloured(cv2.GaussianBlur(patches(), (0, 0), 4.0)), depth_m=blind))
        assert sorted(said) == sorted(take.warnings.now)
        assert len(said) == 2 and any("blurred" in line for line in said) and "no depth in 100%" in " ".join(said)
        for index in range(12, 60):
            take.add(frame(index))
        assert take.warnings.now == ()
        take.add(frame(60), CameraHealth(dropped_frames=4))
        assert said[2:] == ["4 frames dropped"]
        take.finish(CameraHealth(dropped_frames=4))
    assert json.loads((tmp_path / "take/meta.json").read_text())["quality"]["dropped_frames"] == 4


def test_an_object_that_leaves_the_workspace_is_missed(tmp_path):
    table = np.full((HEIGHT, WIDTH), 1.0, dtype=np.float32)
    with_box = table.copy()
    with_box[50:70, 70:90] = 0.94
    said, workspace = [], Workspace((0.3, -0.4), (0.9, 0.4), 0.0)
    with session(tmp_path / "take", said, workspace=workspace) as take:
        for index in range(3):
            take.add(frame(index, depth_m=table))
        assert said == ["nothing stands in the workspace"]
        for index in range(3, 9):
            take.add(frame(index, depth_m=with_box))
        assert take.warnings.now == ()
        for index in range(9, 12):
            take.add(frame(index, depth_m=table))
        take.finish()
    assert said[-1] == "the object has left the view"


def test_a_take_without_frames_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="at least one"), session(tmp_path / "take", []) as take:
        take.finish()
    assert list(tmp_path.iterdir()) == []
