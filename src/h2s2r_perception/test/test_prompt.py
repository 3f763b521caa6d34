"""prompt.json says which object is meant: a box, clicks, or a mask that somebody made elsewhere."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt, Recording, RecordingWriter, read_prompt
from h2s2r_perception.segmentation import segment_frame

SIZE, COUNT = (320, 240), 3


def read(tmp_path, values):
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(values))
    return read_prompt(path, SIZE, COUNT)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(0, box=(10.0, 20.0, 30.0, 40.0)),
        Prompt(2, click=(5.5, 6.0)),
        Prompt(1, click=(5.0, 6.0), also=((7.0, 8.0), (9.0, 10.0)), but_not=((1.0, 2.0),)),
        Prompt(1, box=(10.0, 20.0, 30.0, 40.0), but_not=((12.0, 22.0),)),
        Prompt(0, mask="masks/00000.png"),
    ],
)
def test_what_is_written_is_read_again(tmp_path, prompt):
    assert read(tmp_path, prompt.as_mapping()) == prompt


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"frame": 0, "box": [1, 2, 3, 4], "mask": "m.png"}, "keys", "one of"),
        ({"frame": 0, "also": [[1, 2]]}, "keys", "one of"),
        ({"frame": 0, "click": [1, 2], "also": [[1, 2, 3]]}, "also", "2 numbers"),
        ({"frame": 0, "click": [1, 2], "but_not": [[1, 900]]}, "but_not", "inside 320x240"),
        ({"frame": 0, "mask": "../elsewhere.png"}, "mask", "inside the recording"),
        ({"frame": 0, "mask": 3}, "mask", "path of an image"),
        ({"frame": 0, "mask": "m.png", "also": [[1, 2]]}, "also, but_not", "mask alone"),
        ({"frame": 7, "mask": "m.png"}, "frame", "0 to 2"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, values, field, words):
    with pytest.raises(InputError, match=words) as refusal:
        read(tmp_path, values)
    assert refusal.value.field == field


@pytest.fixture(scope="module")
def recording(tmp_path_factory, scene, at, camera_matrix):
    folder = tmp_path_factory.mktemp("prompted") / "recording"
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.4))
    with RecordingWriter.create(
        folder, camera_matrix=camera_matrix, T_world_camera=scene.T_world_camera, camera_name="ray-cast"
    ) as writer:
        writer.append(rgb, depth_mm, 1)
    cv2.imwrite(str(folder / "mask.png"), mask.astype(np.uint8) * 255)
    cv2.imwrite(str(folder / "small.png"), np.full((10, 10), 255, np.uint8))
    cv2.imwrite(str(folder / "empty.png"), np.zeros((240, 320), np.uint8))
    return Recording.open(folder), mask


def test_a_mask_from_a_file_is_taken_as_it_is_and_the_table_found_under_it(recording, table_plane):
    mask, plane = segment_frame(recording[0], Prompt(0, mask="mask.png"))
    np.testing.assert_array_equal(mask, recording[1])
    assert np.degrees(np.arccos(min(plane[:3] @ table_plane[:3], 1.0))) < 0.5
    assert abs(plane[3] - table_plane[3]) < 0.005


@pytest.mark.parametrize(
    ("name", "words"), [("gone.png", "no such file"), ("small.png", "10x10"), ("empty.png", "no pixel")]
)
def test_an_unusable_mask_is_refused(recording, name, words):
    with pytest.raises(InputError, match=words):
        segment_frame(recording[0], Prompt(0, mask=name))


def test_another_segmenter_is_asked_and_given_the_table(recording, table_plane):
    class Known:
        def segment(self, rgb, depth_m, camera_matrix, prompt, *, source="prompt"):
            return recording[1]

    mask, plane = segment_frame(recording[0], Prompt(0, click=(1.0, 1.0)), Known())
    np.testing.assert_array_equal(mask, recording[1])
    assert abs(plane[3] - table_plane[3]) < 0.005
