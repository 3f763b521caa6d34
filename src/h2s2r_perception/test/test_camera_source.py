"""What every `CameraSource` must do; each implementation is one more parameter."""

from __future__ import annotations

import time

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraSource, RecordingPlayback
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


@pytest.fixture(params=["playback"])
def source(request, recording_folder) -> CameraSource:
    return {"playback": RecordingPlayback}[request.param](recording_folder)


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


def test_playback_keeps_the_recorded_pace(recording_folder):
    started = time.monotonic()
    assert len(list(RecordingPlayback(recording_folder, real_time=True).frames())) == FRAMES
    assert time.monotonic() - started >= (FRAMES - 1) * PERIOD_NS * 1e-9


def test_a_folder_that_is_no_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match="recording artefact"):
        RecordingPlayback(tmp_path)
