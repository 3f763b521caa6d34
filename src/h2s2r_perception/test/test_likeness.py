"""Colours are compared by what the surface is, not by how much light falls on it."""

from __future__ import annotations

import numpy as np
import pytest

from h2s2r_perception.segmentation.likeness import colour_bins, colour_histogram, histogram_overlap

RED, ORANGE, BLUE, WOOD = (214, 74, 60), (224, 130, 50), (40, 96, 190), (190, 160, 120)


def surface(rgb, light, noise=3.0):
    generator = np.random.default_rng(7)
    return np.clip(np.array(rgb) * light + noise * generator.standard_normal((800, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("rgb", [RED, ORANGE, BLUE, WOOD])
@pytest.mark.parametrize("light", [0.4, 0.5, 0.7])
def test_the_shade_changes_no_colour(rgb, light):
    assert histogram_overlap(colour_histogram(surface(rgb, 1.0)), colour_histogram(surface(rgb, light))) > 0.6


def test_other_colours_are_other_colours_in_any_light():
    for light in (0.4, 1.0):
        for rgb in (ORANGE, BLUE, WOOD):
            assert histogram_overlap(colour_histogram(surface(RED, 1.0)), colour_histogram(surface(rgb, light))) < 0.1


def test_what_is_nearly_black_is_grey_whatever_its_noise():
    black = colour_histogram(surface((4, 4, 4), 1.0, noise=2.0))
    row, column = colour_bins(np.full((1, 3), 128, np.uint8))
    assert black[row[0] - 3 : row[0] + 4, column[0] - 3 : column[0] + 4].sum() > 0.9


def test_bins_are_where_the_histogram_counts():
    image = np.broadcast_to(np.array(BLUE, np.uint8), (4, 5, 3))
    row, column = colour_bins(image)
    assert row.shape == column.shape == (4, 5)
    assert (row[0, 0], column[0, 0]) == np.unravel_index(colour_histogram(image.reshape(-1, 3)).argmax(), (32, 32))
