"""From a film alone: which object it is about, without a click, and which pixels are the hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import open3d as o3d
import pytest
import trimesh

from h2s2r_perception.artefact import InputError
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.recording import Recording, RecordingWriter
from h2s2r_perception.segmentation import propose_manipulated_object
from h2s2r_perception.segmentation.hand_mask import write_hand_masks
from h2s2r_perception.segmentation.stays import deepest, moving_pixels
from h2s2r_perception.segmentation.timelapse import read_timelapse

WIDTH, HEIGHT = 240, 180
K = np.array([[225.0, 0.0, 120.0], [0.0, 225.0, 90.0], [0.0, 0.0, 1.0]])
TABLE, HAND, NOTHING = 90, 91, 92
RATE_HZ, FRAMES = 5.0, 26
ARRIVES, LEAVES, GONE = 9, 18, 22
"""Frames in which the hand reaches the object, has moved it, is away."""


@dataclass
class Thing:
    """A body with a chequered skin in its own frame, and its pose in every frame."""

    mesh: trimesh.Trimesh
    at: tuple[float, float]
    colours: tuple[tuple[int, int, int], tuple[int, int, int]]
    path: np.ndarray = field(default_factory=lambda: np.zeros((FRAMES, 4)))
    """`(T, 4)` shift [m] and turn [rad] about its axis."""

    def pose(self, frame):
        x, y, z, turn = self.path[frame]
        T = trimesh.transformations.rotation_matrix(turn, [0, 0, 1])
        T[:3, 3] = self.at[0] + x, self.at[1] + y, z - self.mesh.bounds[0, 2]
        return T

    def paint(self, local):
        cell = np.floor(local / 0.03 + 0.5).astype(int).sum(axis=1) % 2
        return np.array(self.colours, dtype=float)[cell]

    def model(self):
        points, _ = trimesh.sample.sample_surface(self.mesh, 500, seed=0)
        empty = np.zeros((0, 3))
        return ObjectModel(
            "mesh", "", self.mesh.vertices, self.mesh.faces, "none", points, empty, self.paint(points).astype(np.uint8),
            None, None,
        )  # fmt: skip


def eased(frames, amount):
    """From rest to `amount (4,)` between the hand's arrival and its leaving."""
    s = np.clip((np.arange(frames) - ARRIVES) / (LEAVES - ARRIVES), 0.0, 1.0)
    return (s**3 * (10.0 - 15.0 * s + 6.0 * s**2))[:, None] * np.asarray(amount)


def box(at, colours, size=(0.10, 0.08, 0.09), **keywords):
    return Thing(trimesh.creation.box(size), at, colours, **keywords)


RED, BLUE = ((190, 40, 40), (230, 200, 60)), ((40, 60, 180), (60, 170, 90))
BYSTANDERS = [box((0.16, 0.12), RED), box((-0.20, 0.14), BLUE, (0.06, 0.06, 0.14))]


def film(folder, things, start=(-0.02, -0.6, 0.3), touch=(-0.02, -0.045, 0.02)):
    """Record things on a table; a hand on an arm comes from `start` to `touch` on the first and goes with it."""
    generator = np.random.default_rng(3)
    eye = np.array([0.15, -0.55, 0.65])
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T_world_camera[:3, 3] = eye
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    ray = np.stack([(column - K[0, 2]) / K[0, 0], (row - K[1, 2]) / K[1, 1], np.ones_like(row)], axis=-1)
    rays = np.concatenate([np.zeros_like(ray), ray], axis=-1).astype(np.float32)
    table = trimesh.creation.box((1.2, 1.2, 0.04), transform=trimesh.transformations.translation_matrix([0, 0, -0.02]))
    arm = trimesh.util.concatenate(
        [trimesh.creation.capsule(height=0.08, radius=0.022), trimesh.creation.capsule(height=0.5, radius=0.02)]
    )
    arm.apply_transform(trimesh.transformations.rotation_matrix(1.1, [1, 0, 0]))
    tip = arm.vertices[np.argmin(arm.vertices[:, 2])].copy()
    arm.vertices -= tip
    spine = np.linspace(-0.24, -0.08, 21)[:, None] * [0.0, -np.sin(1.1), np.cos(1.1)] - tip
    truth, joints = [], []
    with RecordingWriter.create(folder, camera_matrix=K, T_world_camera=T_world_camera, camera_name="x") as writer:
        for frame in range(FRAMES):
            hand = things[0].pose(frame)[:3, 3] + touch
            away = np.clip((ARRIVES - frame) / (ARRIVES - 3), 0.0, 1.0)
            away = max(away, np.clip((frame - LEAVES) / (GONE - LEAVES), 0.0, 1.0))
            bodies = [(index, thing.mesh, thing.pose(frame)) for index, thing in enumerate(things)]
            bodies.append((TABLE, table, np.eye(4)))
            hand += away * np.array(start)
            bodies.append((HAND, arm, trimesh.transformations.translation_matrix(hand)))
            scene = o3d.t.geometry.RaycastingScene(nthreads=1)
            for _, mesh, T in bodies:
                T = np.linalg.inv(T_world_camera) @ T
                scene.add_triangles(
                    o3d.core.Tensor((mesh.vertices @ T[:3, :3].T + T[:3, 3]).astype(np.float32)),
                    o3d.core.Tensor(mesh.faces.astype(np.uint32)),
                )
            hit = {name: value.numpy() for name, value in scene.cast_rays(o3d.core.Tensor(rays)).items()}
            depth = np.where(np.isfinite(hit["t_hit"]), hit["t_hit"], 0.0)
            owners = np.array([*(body[0] for body in bodies), NOTHING])
            owner = owners[np.where(depth > 0, hit["geometry_ids"], len(bodies)).astype(int)]
            world = ray * depth[..., None] @ T_world_camera[:3, :3].T + eye
            rgb = np.full((HEIGHT, WIDTH, 3), 60.0)
            rgb[owner == TABLE], rgb[owner == HAND] = (150, 140, 130), (205, 150, 125)
            for index, _, T in bodies[: len(things)]:
                rgb[owner == index] = things[index].paint((world[owner == index] - T[:3, 3]) @ T[:3, :3])
            shadow = (np.linalg.norm(world[..., :2] - hand[:2], axis=-1) < 0.09) & (owner != HAND)
            rgb[shadow] *= 0.65
            rgb = np.clip(rgb + 3 * generator.standard_normal(rgb.shape, np.float32), 0, 255).astype(np.uint8)
            noisy = depth + 0.002 * generator.standard_normal(depth.shape, np.float32)
            noisy[generator.random(depth.shape, np.float32) < 0.01] = 0.0
            depth_mm = np.where(depth > 0, np.rint(noisy * 1000), 0).clip(0).astype(np.uint16)
            writer.append(rgb, depth_mm, round(frame * 1e9 / RATE_HZ) + 1)
            truth.append(owner)
            joints.append(spine + hand)
    return Recording.open(folder), truth, np.array(joints)


def assert_found(proposal, truth, index=0):
    mask = truth[proposal.frame] == index
    assert (proposal.mask & mask).sum() > 0.75 * (proposal.mask | mask).sum()
    x0, y0, x1, y1 = (round(value) for value in proposal.prompt.box)
    assert mask[y0:y1, x0:x1].sum() > 0.97 * mask.sum()
    assert proposal.prompt.frame == proposal.frame


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    thing = box((-0.02, -0.02), RED, path=eased(FRAMES, (-0.10, 0.06, 0.0, 0.4)))
    recording, truth, joints = film(tmp_path_factory.mktemp("pushed") / "r", [thing, *BYSTANDERS])
    return recording, truth, thing, joints


def test_a_pushed_box_is_found_beside_its_twin_that_nobody_touches(pushed):
    recording, truth, thing, _ = pushed
    proposal = propose_manipulated_object(recording, thing.model())
    assert_found(proposal, truth)
    normal, up = proposal.plane[:3], recording.T_world_camera[2, :3]  # of the table, camera frame
    assert normal @ up > np.cos(np.radians(1.0))
    assert proposal.plane[3] == pytest.approx(recording.T_world_camera[2, 3], abs=0.004)
    assert proposal.confidence > 0.7
    assert "touched" in proposal.reason


def test_no_mesh_is_needed(pushed):
    recording, truth, *_ = pushed
    assert_found(propose_manipulated_object(recording), truth)


def test_with_the_mesh_of_something_else_nothing_fits(pushed):
    with pytest.raises(InputError, match=r"nothing that a hand touched.*at \(.*of 1: its colours are not the mesh's"):
        propose_manipulated_object(pushed[0], box((0, 0), BLUE).model())


def test_a_hollow_cup_in_the_shade_is_found_whole(tmp_path):
    shell = trimesh.creation.annulus(r_min=0.041, r_max=0.045, height=0.10)
    floor = trimesh.creation.cylinder(
        0.043, 0.006, transform=trimesh.transformations.translation_matrix([0, 0, -0.047])
    )
    shape = trimesh.util.concatenate([shell, floor])
    shaded = ((102, 36, 30), (102, 36, 30))
    cup = Thing(shape, (-0.02, -0.02), shaded, eased(FRAMES, (-0.10, 0.06, 0.0, 0.4)))
    recording, truth, _ = film(tmp_path / "r", [cup, *BYSTANDERS])
    scanned = Thing(shape, (0, 0), ((214, 74, 60), (214, 74, 60)))
    proposal = propose_manipulated_object(recording, scanned.model())
    mask = truth[proposal.frame] == 0
    assert (proposal.mask & mask).sum() > 0.85 * mask.sum()  # its inside is cut off from its outside by the rim
    assert_found(proposal, truth)


def test_what_is_merely_reached_across_does_not_count_as_moving(pushed):
    timelapse = read_timelapse(pushed[0], 0.15, 320, 120)
    moving = moving_pixels(timelapse.depth_m)
    bystander = pushed[1][0] == 2
    assert moving.any()
    assert not moving[0][bystander].any()


def test_a_hand_that_rests_in_view_and_moves_first_is_not_the_object(tmp_path):
    lifted = box((-0.02, 0.0), RED, path=eased(FRAMES, (0.05, 0.05, 0.12, 0.3)))
    recording, truth, _ = film(tmp_path / "r", [lifted, *BYSTANDERS], start=(0.02, -0.14, 0.0))
    proposal = propose_manipulated_object(recording, lifted.model())
    assert_found(proposal, truth)
    assert proposal.frame < ARRIVES + 2 or proposal.frame > LEAVES - 2  # before it moves, or after


def test_a_can_turned_in_place_shows_itself_by_its_skin_alone(tmp_path):
    can = Thing(trimesh.creation.cylinder(0.04, 0.11), (-0.02, 0.0), BLUE, eased(FRAMES, (0, 0, 0, 1.2)))
    recording, truth, _ = film(tmp_path / "r", [can, BYSTANDERS[0]])
    assert_found(propose_manipulated_object(recording, can.model()), truth)


def test_a_hand_that_moves_nothing_is_refused(tmp_path):
    recording, _, _ = film(tmp_path / "r", [box((-0.02, -0.02), RED), *BYSTANDERS])
    with pytest.raises(InputError) as refusal:
        propose_manipulated_object(recording)
    assert refusal.value.field == "manipulated object"
    assert "nothing that a hand touched" in refusal.value.found
    assert "--box" in str(refusal.value)


def test_two_alike_things_that_one_hand_moves_are_refused(tmp_path):
    path = eased(FRAMES, (0.0, 0.10, 0.0, 0.0))
    both = [box((-0.065, -0.06), RED, path=path), box((0.065, -0.06), RED, path=path)]
    recording, _, _ = film(tmp_path / "r", both, touch=(0.065, -0.045, 0.02))
    with pytest.raises(InputError, match=r"two things that moved, at .* and at .*--box"):
        propose_manipulated_object(recording, both[0].model())


def test_a_camera_that_moved_and_a_glimpse_are_refused(pushed, tmp_path):
    recording = pushed[0]

    def copied(folder, frames, shift_mm):
        with RecordingWriter.create(
            folder, camera_matrix=K, T_world_camera=recording.T_world_camera, camera_name="x"
        ) as writer:
            for frame in range(frames):
                depth_mm = np.rint(recording.depth_m(frame) * 1000).astype(np.uint16)
                moved = np.where(depth_mm > 0, depth_mm + shift_mm * frame // frames, 0).astype(np.uint16)
                writer.append(recording.rgb(frame), moved, int(recording.stamp_ns[frame]))
        return Recording.open(folder)

    with pytest.raises(InputError, match=r"stands still.*of the image at another depth.*fix the camera"):
        propose_manipulated_object(copied(tmp_path / "moved", FRAMES, 80))
    with pytest.raises(InputError, match=r"to see what moves.*4 frames.*--box"):
        propose_manipulated_object(copied(tmp_path / "glimpse", 4, 0))


@pytest.mark.parametrize("unseen", [[], [12, 13, 14, 15]])
def test_hand_masks_hold_the_arm_and_not_the_object(pushed, tmp_path, unseen):
    recording, truth, _, joints = pushed
    joints = joints.copy()
    joints[unseen] = np.nan  # told by its colours then
    (tmp_path / "masks").mkdir()
    for frame, owner in enumerate(truth):
        cv2.imwrite(str(tmp_path / "masks" / f"{frame:05d}.png"), (owner == 0).astype(np.uint8) * 255)
    write_hand_masks(recording, joints, tmp_path, lambda share: None)
    overlaps = []
    for frame, owner in enumerate(truth):
        mask = cv2.imread(str(tmp_path / "hand_masks" / f"{frame:05d}.png"), cv2.IMREAD_UNCHANGED) == 255
        assert not (mask & (owner == 0)).any()
        hand = owner == HAND
        if hand.sum() > 300:
            overlaps.append((mask & hand).sum() / (mask | hand).sum())
        elif not hand.any():
            assert mask.sum() < 40
    assert len(overlaps) > 10
    assert np.median(overlaps) > 0.9
    assert min(overlaps) > 0.75


def test_hand_masks_need_the_objects(pushed, tmp_path):
    with pytest.raises(InputError, match=r"masks/00000.png.*perceive"):
        write_hand_masks(pushed[0], pushed[3], tmp_path, lambda share: None)


def test_the_deepest_surface_is_what_lasts_not_a_single_far_reading():
    depth_m = np.full((8, 2, 2), 0.8, np.float32)
    depth_m[3, 0, 0] = 2.0  # noise
    depth_m[4:7, 0, 1] = 0.9  # uncovered
    depth_m[2:5, 1, 0] = 0.0  # not measured
    np.testing.assert_allclose(deepest(depth_m), [[0.8, 0.9], [0.8, 0.8]])
