"""A jointed right hand that pushes a box along a table, made of a few numbers."""

import numpy as np
import pytest

from h2s2r_perception.artefact import writing
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_retarget.collision import BoxObstacle, CollisionWorld, ObjectShape
from h2s2r_retarget.embodiment import load_embodiment

# In a frame with x out of the palm, y to the thumb's side, z along the middle metacarpal; origin: middle knuckle.
_KNUCKLES = {"index": (0.0, 0.024, -0.003), "middle": (0.0, 0.0, 0.0), "ring": (0.0, -0.022, -0.006)}
_KNUCKLES["little"] = (0.0, -0.040, -0.016)
_THUMB = ((0.008, 0.020, -0.075), (0.024, 0.045, -0.050), (0.032, 0.055, -0.022), (0.036, 0.052, 0.004))


def hand_in_its_frame():
    joints = [(0.0, 0.0, -0.093), *_THUMB]
    for x, y, z in (_KNUCKLES[name] for name in ("index", "middle", "ring", "little")):
        joints += [(x, y, z), (x + 0.006, y, z + 0.045), (x + 0.016, y, z + 0.070), (x + 0.027, y, z + 0.088)]
    return np.array(joints)


def pushing_rotation():
    """Fingers forward (+x) and 45 deg down, palm to +y, thumb up: columns x, y, z of the hand in the world."""
    s = np.sqrt(0.5)
    return np.array([[0.0, s, s], [1.0, 0.0, 0.0], [0.0, s, -s]])


def at(position):
    T = np.eye(4)
    T[:3, 3] = position
    return T


@pytest.fixture(scope="session")
def embodiment():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="session")
def box_vertices():
    return np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.075, 0.075) for z in (-0.03, 0.03)])


@pytest.fixture(scope="session")
def world(box_vertices):
    return CollisionWorld(
        statics=(
            BoxObstacle("table", (0.8, 1.4, 0.05), at([0.65, 0.0, 0.13])),
            BoxObstacle("wall_box", (0.40, 0.12, 0.12), at([0.60, 0.235, 0.215])),
        ),
        object=ObjectShape(box_vertices, "box"),
    )


@pytest.fixture(scope="session")
def hand_at():
    """Hand joints `(21, 3)` with the middle knuckle at a place."""

    def place(position):
        return hand_in_its_frame() @ pushing_rotation().T + np.asarray(position)

    return place


@pytest.fixture(scope="session")
def make_demonstration(hand_at):
    """A push of 20 cm in +y; `seconds` is how long it takes, `unseen` which frames lack the hand."""

    def make(*, seconds=2.5, unseen=(), knuckle=(0.555, -0.31, 0.245), frames=75):
        fraction = np.clip((np.arange(frames) - 20) / (frames - 40), 0.0, 1.0)
        reach = 0.05 * np.clip(np.arange(frames) / 20, 0.0, 1.0) + 0.20 * fraction
        joints = np.stack([hand_at(np.add(knuckle, [0.0, y, 0.0])) for y in reach])
        confidence = np.ones(frames)
        joints[list(unseen)], confidence[list(unseen)] = np.nan, 0.0
        T_world_object = np.stack([at([0.6, -0.15 + 0.20 * f, 0.185]) for f in fraction])
        return Demonstration(
            stamp_ns=10**9 + (np.arange(frames) * seconds / (frames - 1) * 1e9).astype(np.int64),
            T_world_object=T_world_object,
            object_confidence=np.ones(frames),
            hand_joints_world=joints,
            hand_confidence=confidence,
            motion_start=21,
            motion_end=frames - 20,
            premanipulation_index=2,
        )

    return make


@pytest.fixture
def demonstration_folder(tmp_path, make_demonstration):
    folder = tmp_path / "demonstration"
    with writing(folder, SCHEMA) as writer:
        make_demonstration().save(writer.folder)
    return folder
