"""SAM 2's real package with random weights: loading, calls, shapes and promises; never accuracy."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt, RecordingWriter
from h2s2r_perception.segmentation import make_segmenter
from h2s2r_perception.segmentation.sam2 import Sam2Configuration
from h2s2r_perception.segmentation.sam2_model import build
from h2s2r_perception.segmentation.sam2_video import HAND_MASKS, OBJECT_MASKS, main, write_masks

SIZE = (96, 64)
FRAMES = 3
needs_sam2 = pytest.mark.skipif(importlib.util.find_spec("sam2") is None, reason="sam2 is not installed")


def conformance():
    """The assertions that every segmenter passes."""
    path = Path(__file__).with_name("test_segmenters.py")
    spec = importlib.util.spec_from_file_location("segmenters", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.conforms


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Random weights in the file format of the published ones (156 MB, gone with the test's folder)."""
    # The package is prepared by our own loader, whose first complaint comes after that.
    with pytest.raises(InputError, match="none given"):
        build(Sam2Configuration(model="tiny"), video=False)
    from sam2.build_sam import build_sam2

    torch.manual_seed(3)
    network = build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", None, device="cpu")
    path = tmp_path_factory.mktemp("sam2") / "random.pt"
    torch.save({"model": network.state_dict()}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def configuration(checkpoint):
    # A sixteenth of the pixels it was trained for, so that a test is quick.
    return Sam2Configuration(str(checkpoint), model="tiny", device="cpu", image_size_px=256)


@pytest.fixture(scope="module")
def segmenter(configuration):
    return make_segmenter("sam2", configuration)


def picture(index):
    rgb = np.random.default_rng(index).integers(60, 90, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    cv2.rectangle(rgb, (20 + 3 * index, 15), (50 + 3 * index, 45), (220, 40, 30), -1)
    return rgb


@needs_sam2
@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(0, box=(18.0, 13.0, 52.0, 47.0)),
        Prompt(0, click=(35.0, 30.0)),
        Prompt(0, box=(18.0, 13.0, 52.0, 47.0), also=((25.0, 20.0),), but_not=((80.0, 55.0),)),
    ],
    ids=["box", "click", "box and points"],
)
def test_it_keeps_the_promises_of_a_segmenter(segmenter, camera_matrix, prompt):
    depth_m = np.zeros((SIZE[1], SIZE[0]), np.float32)
    first = conformance()(segmenter, picture(0), depth_m, camera_matrix, prompt)
    again = segmenter.segment(picture(0), depth_m, camera_matrix, prompt)
    np.testing.assert_array_equal(first, again)


@pytest.fixture(scope="module")
def recording_folder(tmp_path_factory, camera_matrix):
    folder = tmp_path_factory.mktemp("recordings") / "video"
    intrinsics = np.array([[90.0, 0.0, 48.0], [0.0, 90.0, 32.0], [0.0, 0.0, 1.0]])
    with RecordingWriter.create(
        folder, camera_matrix=intrinsics, T_world_camera=np.eye(4), camera_name="test"
    ) as writer:
        for index in range(FRAMES):
            writer.append(picture(index), np.full((SIZE[1], SIZE[0]), 700, np.uint16), 10**9 + index * 33_333_333)
        writer.set_prompt(Prompt(frame=1, box=(21.0, 13.0, 55.0, 47.0)))
    return folder


@needs_sam2
def test_object_and_hand_are_followed_to_both_ends_of_a_recording(recording_folder, configuration, tmp_path):
    truth = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    truth[15:46, 23:54] = 255
    cv2.imwrite(str(recording_folder / "object.png"), truth)
    hand = Prompt(1, click=(70.0, 20.0), but_not=((5.0, 5.0),))
    prompts = {OBJECT_MASKS: Prompt(1, mask="object.png"), HAND_MASKS: hand}
    parts = []
    write_masks(recording_folder, prompts, tmp_path / "out", configuration, parts.append)
    assert parts == pytest.approx([1 / 3, 2 / 3, 1.0])
    # The layout that the published tools read.
    found = {}
    for name in prompts:
        files = sorted((tmp_path / "out" / name).glob("*.png"))
        assert [file.name for file in files] == ["00000.png", "00001.png", "00002.png"]
        found[name] = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]
        assert all(mask.shape == (SIZE[1], SIZE[0]) and set(np.unique(mask)) <= {0, 255} for mask in found[name])
    # A mask that was given comes back as it was, but for the rounding of its edge; points are kept to the pixel.
    assert ((found[OBJECT_MASKS][1] ^ truth) > 0).sum() < 0.2 * (truth > 0).sum()
    assert found[HAND_MASKS][1][20, 70]
    assert not found[HAND_MASKS][1][5, 5]
    quality = json.loads((tmp_path / "out" / "meta.json").read_text())["quality"]
    assert quality["masks_frames_seen"] == FRAMES
    # Its mode of torch is not left behind.
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


@needs_sam2
def test_wrong_weights_and_settings_are_named(checkpoint, tmp_path):
    text = tmp_path / "text.pt"
    text.write_text("not weights")
    for settings, words in (
        (Sam2Configuration(str(tmp_path / "absent.pt")), "no such file.*README of facebookresearch/sam2"),
        (Sam2Configuration(str(text), model="tiny"), "text.pt: weights"),
        (Sam2Configuration(str(checkpoint), model="small", image_size_px=256), "sam2.1_hiera_small.pt"),
        (Sam2Configuration(str(checkpoint), model="huge"), "tiny, small, base_plus, large"),
        (Sam2Configuration(str(checkpoint), image_size_px=1000), "multiple of 256"),
    ):
        with pytest.raises(InputError, match=words):
            build(settings, video=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_gpu_that_is_not_there_is_said():
    with pytest.raises(InputError, match="no CUDA device"):
        make_segmenter("sam2", Sam2Configuration("any.pt", device="cuda"))


def test_the_command_says_what_is_wrong_in_one_line(recording_folder, tmp_path, capsys):
    arguments = [str(recording_folder), str(tmp_path / "out"), "--checkpoint", "absent.pt", "--hand-click"]
    assert main([*arguments, "here"]) == 2
    assert "X,Y" in capsys.readouterr().err
    assert main([*arguments, "70,20"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
