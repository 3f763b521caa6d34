"""Where a hand could be: nearer than before, the colour of skin, moving."""

import numpy as np

from h2s2r_perception.hand_pose.hand_region import HandRegionFinder, skin_mask, square_in

SKIN, SLEEVE, WALL = (205, 150, 125), (60, 70, 110), (110, 115, 120)
FOCAL_PX = 600.0


def _room() -> tuple[np.ndarray, np.ndarray]:
    return np.full((480, 640, 3), WALL, np.uint8), np.full((480, 640), 1.2, np.float32)


def _with_arm(hand_depth_m: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """An arm that comes in from the right; the hand at its end, 50 x 60 px, in the middle of the image."""
    rgb, depth = _room()
    rgb[220:260, 380:] = SLEEVE
    rgb[210:270, 330:380] = SKIN
    depth[220:260, 380:] = depth[210:270, 330:380] = hand_depth_m
    return rgb, depth


def _holds(box, column, row):
    return box[0] <= column < box[2] and box[1] <= row < box[3]


def test_hand_at_the_far_end_of_the_arm_is_the_first_region():
    finder = HandRegionFinder()
    finder.look(*_room(), FOCAL_PX)
    first = finder.look(*_with_arm(), FOCAL_PX).regions()[0]
    assert _holds(first, 335, 215)
    assert _holds(first, 375, 265)
    assert 150 < first[2] - first[0] < 340


def test_bare_forearm_does_not_hide_which_end_is_the_hand():
    rgb, depth = _with_arm()
    rgb[220:260, 380:] = SKIN
    finder = HandRegionFinder()
    finder.look(*_room(), FOCAL_PX)
    first = finder.look(rgb, depth, FOCAL_PX).regions()[0]
    assert abs((first[0] + first[2]) / 2 - 370) < 60


def test_skin_coloured_furniture_is_not_preferred_to_what_came_nearer():
    empty, depth_before = _room()
    empty[300:460, 20:280] = SKIN
    rgb, depth = _with_arm()
    rgb[300:460, 20:280] = SKIN
    finder = HandRegionFinder()
    finder.look(empty, depth_before, FOCAL_PX)
    assert _holds(finder.look(rgb, depth, FOCAL_PX).regions()[0], 355, 240)


def test_without_depth_what_moves_is_searched():
    finder = HandRegionFinder()
    finder.look(_room()[0], None, FOCAL_PX)
    assert any(_holds(box, 355, 240) for box in finder.look(_with_arm()[0], None, FOCAL_PX).regions())


def test_nothing_speaks_for_a_hand_in_an_empty_noisy_room():
    random, finder = np.random.default_rng(0), HandRegionFinder()
    for _ in range(4):
        rgb, depth = _room()
        noisy = np.clip(rgb + random.normal(0.0, 3.0, rgb.shape), 0, 255).astype(np.uint8)
        signs = finder.look(noisy, (depth + random.normal(0.0, 0.004, depth.shape)).astype(np.float32), FOCAL_PX)
        assert signs.regions() == []


def test_skin_of_light_and_dark_tone_is_skin_and_blue_is_not():
    for tone in (SKIN, (236, 200, 180), (141, 85, 60), (92, 56, 42)):
        assert skin_mask(np.full((20, 20, 3), tone, np.uint8)).all()
    for other in (SLEEVE, WALL, (40, 160, 60)):
        assert not skin_mask(np.full((20, 20, 3), other, np.uint8)).any()


def test_square_is_moved_into_the_image_and_made_to_fit():
    assert square_in((-30, 400), 100, (480, 640)) == (0, 380, 100, 480)
    assert square_in((0, 0), 900, (480, 640)) == (0, 0, 480, 480)
