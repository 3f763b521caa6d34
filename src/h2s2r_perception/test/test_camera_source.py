"""What every `CameraSource` must do; each implementation is one more parameter."""

from __future__ import annotations

import time

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraSource, RealSenseCamera, RecordingPlayback, open_camera
from h2s2r_perception.cameras.pairing import COLOUR, DEPTH, Pairing
from h2s2r_perception.recording import RecordingWriter

FRAMES, PERIOD_NS = 4, 20_000_000


@pytest.fixture
def recording_folder(tmp_path, scene, at, camera_matrix):
    rgb, depth_mm, _ = scene.render(at(0.6, -0.1, 0.0))
    with RecordingWriter.create(
        tmp_path / "recording", camera_matrix=camera_matrix, T_world_camera=scene.T_world_camera, camera_name="test"
    ) as writer:
        for index in range(FRAMES):
            writer.append(rgb, depth_mm, 7_000 + index * PERIOD_NS)
    return tmp_path / "recording"


@pytest.fixture(params=["playback", "realsense"])
def source(request, recording_folder) -> CameraSource:
    if request.param == "playback":
        return RecordingPlayback(recording_folder)
    recording = RecordingPlayback(recording_folder)
    images = [
        (number, frame.stamp_ns * 1e-6, frame.rgb, frame.depth_mm)
        for number, frame in enumerate(recording.frames(), start=1)
    ]
    return RealSenseCamera(file=request.getfixturevalue("realsense_file")(images))


def test_frames_are_aligned_typed_and_in_order(source):
    with source as camera:
        frames = list(camera.frames())
        width, height = camera.image_size
        assert camera.camera_matrix.shape == (3, 3)
        assert camera.name
    assert frames
    for frame in frames:
        assert frame.rgb.shape == (height, width, 3)
        assert frame.rgb.dtype == np.uint8
        assert frame.depth_m.shape == (height, width)
        assert frame.depth_m.dtype == np.float32
        assert np.all(np.isfinite(frame.depth_m))
        assert np.all(frame.depth_m >= 0)
    assert np.all(np.diff([frame.stamp_ns for frame in frames]) > 0)


def test_the_caller_may_stop_early_and_start_again(source):
    with source as camera:
        first = next(iter(camera.frames())).stamp_ns
        assert next(iter(camera.frames())).stamp_ns == first


def test_a_closed_camera_ends_its_frames(source):
    with source as camera:
        frames = camera.frames()
        next(frames)
    assert len(list(frames)) <= 1
    assert camera.health.dropped_frames == 0


def test_a_loop_goes_on_in_time_where_the_recording_ends(recording_folder):
    frames = RecordingPlayback(recording_folder, loop=True).frames()
    stamps = [next(frames).stamp_ns for _ in range(3 * FRAMES)]
    assert np.all(np.diff(stamps) == PERIOD_NS)


def test_a_camera_is_found_by_its_name(recording_folder, tmp_path):
    assert isinstance(open_camera(str(recording_folder)), RecordingPlayback)
    assert isinstance(open_camera("realsense"), RealSenseCamera)
    with pytest.raises(InputError, match="realsense"):
        open_camera(str(tmp_path / "webcam"))


def test_colour_and_depth_find_each_other_whatever_the_order_and_what_is_lost():
    pairing = Pairing()
    assert pairing.add(COLOUR, 10, "c10") is None
    assert pairing.add(COLOUR, 20, "c20") is None  # depth 10 was lost
    assert pairing.add(DEPTH, 20, "d20") == ("c20", "d20")
    assert pairing.lost == 1
    assert pairing.add(DEPTH, 30, "d30") is None
    assert pairing.add(COLOUR, 30, "c30") == ("c30", "d30")
    assert pairing.lost == 1
    for stamp in range(100, 200):
        assert pairing.add(COLOUR, stamp, "alone") is None
    assert pairing.add(DEPTH, 100, "too late") is None  # memory is bounded
    assert pairing.add(DEPTH, 199, "d") == ("alone", "d")


def test_drivers_that_stamp_both_images_apart_need_a_tolerance():
    pairing = Pairing(tolerance_ns=10)
    assert pairing.add(DEPTH, 95, "d1") is None
    assert pairing.add(COLOUR, 100, "c1") == ("c1", "d1")
    assert pairing.add(COLOUR, 130, "c2") is None
    assert pairing.add(DEPTH, 115, "stray") is None
    assert pairing.add(DEPTH, 133, "d2") == ("c2", "d2")
    assert pairing.lost == 1


def test_playback_keeps_the_recorded_pace(recording_folder):
    started = time.monotonic()
    assert len(list(RecordingPlayback(recording_folder, real_time=True).frames())) == FRAMES
    assert time.monotonic() - started >= (FRAMES - 1) * PERIOD_NS * 1e-9


def test_a_folder_that_is_no_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match="recording artefact"):
        RecordingPlayback(tmp_path)
