"""Frames decoded ahead: the same pixels, in the order asked for, and errors at their turn."""

import threading

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Recording, RecordingWriter
from h2s2r_perception.recording.ahead import frames_in_order

K = np.array([[30.0, 0.0, 16.0], [0.0, 30.0, 12.0], [0.0, 0.0, 1.0]])


@pytest.fixture
def recording(tmp_path):
    with RecordingWriter.create(
        tmp_path / "r", camera_matrix=K, T_world_camera=np.eye(4), camera_name="test"
    ) as writer:
        for index in range(12):
            depth_mm = np.full((24, 32), 100 + index, np.uint16)
            writer.append(np.full((24, 32, 3), 10 * index, np.uint8), depth_mm, 1 + index)
    return Recording.open(tmp_path / "r")


@pytest.mark.parametrize("indices", [range(12), range(11, 2, -1), [5, 5, 0], []])
def test_frames_come_in_the_order_asked_for(recording, indices):
    frames = list(frames_in_order(recording, indices))
    assert [int(rgb[0, 0, 0]) // 10 for rgb, _ in frames] == list(indices)
    assert [round(float(depth_m[3, 4]) * 1000) - 100 for _, depth_m in frames] == list(indices)


def test_a_broken_frame_is_an_error_at_its_turn_and_stopping_early_leaves_no_thread(recording):
    (recording.folder / "depth" / "00003.png").write_bytes(b"\x89PNG cut off")
    frames = frames_in_order(recording, range(12))
    for _ in range(3):
        next(frames)
    with pytest.raises(InputError, match=r"00003\.png"):
        next(frames)
    started = frames_in_order(recording, [0, 1, 2, 4, 5, 6])
    next(started)
    started.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
