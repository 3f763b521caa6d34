"""A name in the configuration chooses who segments and who finds object and hand; what is missing is said at once."""

from __future__ import annotations

import pytest

from h2s2r_perception.artefact import InputError, load_configuration
from h2s2r_perception.perceive import PerceiveConfiguration, perceive
from h2s2r_perception.recording import Prompt, RecordingWriter


@pytest.fixture(scope="module")
def recording_folder(tmp_path_factory, scene, at, camera_matrix):
    folder = tmp_path_factory.mktemp("choice") / "recording"
    with RecordingWriter.create(
        folder, camera_matrix=camera_matrix, T_world_camera=scene.T_world_camera, camera_name="test"
    ) as writer:
        for index in range(12):
            rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.3), seed=index)
            writer.append(rgb, depth_mm, 10**9 + index * 33_333_333)
        column = mask.any(axis=0).nonzero()[0]
        row = mask.any(axis=1).nonzero()[0]
        box = (float(column[0]), float(row[0]), float(column[-1] + 1), float(row[-1] + 1))
        writer.set_prompt(Prompt(0, box=box))
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("object: {estimator: foundation_pose}", "NVlabs/FoundationPose"),
        ("object: {estimator: magic}", "signed_distance, foundation_pose"),
        ("object: {segmenter: sam2}", "sam2"),
        ("object: {segmenter: magic}", "colour_depth, sam2"),
        ("object: {segmenter: sam2, sam2: {checkpont: x}}", "did you mean"),
        ("hand: magic", "mediapipe, hamer"),
        ("hamer: {hand_mask: x}", "did you mean"),
    ],
)
def test_what_the_configuration_names_is_what_is_used(recording_folder, textured_box, tmp_path, text, words):
    (tmp_path / "perceive.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        configuration = load_configuration(PerceiveConfiguration, tmp_path / "perceive.yaml")
        perceive(recording_folder, textured_box, tmp_path / "out", configuration)
    assert not (tmp_path / "out").exists()
