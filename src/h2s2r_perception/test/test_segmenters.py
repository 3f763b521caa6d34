"""What every segmenter promises, on one ray-cast view; a new segmenter is one line in `BUILT`."""

from __future__ import annotations

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation import SEGMENTERS, make_segmenter

BUILT = {"colour_depth": lambda: make_segmenter("colour_depth")}
"""Those that can be built, and are any good, with nothing downloaded. Others have a test of their own that
calls `conforms` on what they build."""


def conforms(segmenter, rgb, depth_m, camera_matrix, prompt):
    """What holds for any segmenter, trained or not: shapes, purity and the promises about points."""
    before = rgb.copy(), depth_m.copy()
    mask = segmenter.segment(rgb, depth_m, camera_matrix, prompt)
    assert mask.shape == depth_m.shape
    assert mask.dtype == np.bool_
    assert mask.any()
    np.testing.assert_array_equal(rgb, before[0])
    np.testing.assert_array_equal(depth_m, before[1])
    for x, y in prompt.but_not:
        assert not mask[int(y), int(x)]
    for x, y in prompt.points_on:
        assert mask[int(y), int(x)]
    return mask


@pytest.fixture(scope="module")
def view(scene, at):
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.4))
    return rgb, depth_mm * np.float32(0.001), mask


@pytest.fixture(params=BUILT)
def segmenter(request):
    return BUILT[request.param]()


def prompts(truth):
    row, column = np.nonzero(truth)
    x0, y0, x1, y1 = column.min(), row.min(), column.max() + 1, row.max() + 1
    middle = (float(np.median(column)), float(np.median(row)))
    box = (x0 - 6.0, y0 - 6.0, x1 + 6.0, y1 + 6.0)
    beside = (x0 - 4.0, y0 - 4.0)
    return {
        "box": Prompt(0, box=box),
        "click": Prompt(0, click=middle),
        "box and points": Prompt(0, box=box, also=(middle,), but_not=(beside,)),
        "clicks": Prompt(0, click=middle, also=((middle[0] + 10.0, middle[1]),), but_not=(beside,)),
    }


@pytest.mark.parametrize("kind", ["box", "click", "box and points", "clicks"])
def test_the_object_is_found_from_every_kind_of_prompt(segmenter, view, camera_matrix, kind):
    rgb, depth_m, truth = view
    mask = conforms(segmenter, rgb, depth_m, camera_matrix, prompts(truth)[kind])
    assert (mask & truth).sum() > 0.75 * (mask | truth).sum()


def test_the_answer_does_not_depend_on_what_was_asked_before(segmenter, view, camera_matrix):
    rgb, depth_m, truth = view
    asked = prompts(truth)
    first = segmenter.segment(rgb, depth_m, camera_matrix, asked["box"])
    segmenter.segment(rgb[:, ::-1].copy(), depth_m, camera_matrix, asked["click"])
    np.testing.assert_array_equal(segmenter.segment(rgb, depth_m, camera_matrix, asked["box"]), first)


def test_a_name_that_is_not_registered_is_refused():
    with pytest.raises(InputError, match="colour_depth"):
        make_segmenter("colour")
    assert set(BUILT) <= set(SEGMENTERS)
