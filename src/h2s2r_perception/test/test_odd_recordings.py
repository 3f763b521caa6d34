"""Recordings that are not as they should be: benign ones are perceived within bounds, the others are named.

One short ray-cast recording is cropped, turned, resampled, over-exposed, made noisy, thinned out or mislabelled
in the ways that happen in a lab, intrinsics and camera pose following where the user would have known.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, rotation_angle
from h2s2r_perception.imports import ImportOptions, import_recording
from h2s2r_perception.perceive_object import perceive_object
from h2s2r_perception.plausibility import check_plausibility, require_plausible
from h2s2r_perception.plausibility.colour_order import red_and_blue_swapped
from h2s2r_perception.recording import Prompt, Recording, RecordingWriter
from h2s2r_perception.recording.findings import ERROR, WARNING
from h2s2r_perception.recording.quality import quality_of

TABLETOP = Path(__file__).resolve().parents[4] / "shared" / "data" / "tabletop_rgbd"
FRAMES = 5
PERIOD_NS = 33_333_333
SPEED_M = 0.006
"""A frame: 0.18 m/s at 30 Hz."""


@dataclass(frozen=True)
class Take:
    """A recording in memory."""

    rgb: list
    depth_mm: list
    K: np.ndarray
    T_world_camera: np.ndarray
    box: np.ndarray
    """Corners `(2, 2)` of the prompt [px]."""
    truth: np.ndarray
    """`T_world_object (T, 4, 4)`."""
    period_ns: int = PERIOD_NS

    def images(self, colour=lambda rgb: rgb, depth=lambda depth_mm: depth_mm):
        rgb = [np.ascontiguousarray(colour(image)) for image in self.rgb]
        return replace(self, rgb=rgb, depth_mm=[np.ascontiguousarray(depth(image)) for image in self.depth_mm])

    def resampled(self, width, height):
        """As a camera of that resolution would have seen it: pixel centres and K move together."""
        rows, columns = self.rgb[0].shape[:2]
        scale = np.array([width / columns, height / rows])
        K = self.K.copy()
        K[:2] = scale[:, None] * self.K[:2]
        K[:2, 2] += 0.5 * scale - 0.5
        taken = self.images(
            lambda rgb: cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC),
            lambda depth: cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST),
        )
        return replace(taken, K=K, box=self.box * scale)

    def cropped(self, x0, y0, x1, y1):
        K = self.K.copy()
        K[:2, 2] -= x0, y0
        taken = self.images(lambda rgb: rgb[y0:y1, x0:x1], lambda depth: depth[y0:y1, x0:x1])
        return replace(taken, K=K, box=np.clip(self.box - [x0, y0], 0, [x1 - x0, y1 - y0]))

    def turned(self, quarters):
        """By quarter turns, counter-clockwise; the camera is mounted so, and its pose says so."""
        take = self
        for _ in range(quarters):
            width = take.rgb[0].shape[1]
            K = take.K.copy()
            K[0, 0], K[1, 1] = take.K[1, 1], take.K[0, 0]
            K[0, 2], K[1, 2] = take.K[1, 2], width - 1 - take.K[0, 2]
            T_old_new = np.eye(4)
            T_old_new[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]  # new x was y, new y was -x
            box = np.stack([take.box[:, 1], width - take.box[::-1, 0]], axis=1)
            turned = take.images(np.rot90, np.rot90)
            take = replace(turned, K=K, T_world_camera=take.T_world_camera @ T_old_new, box=box)
        return take

    def every_second(self):
        return replace(
            self,
            rgb=self.rgb[::2],
            depth_mm=self.depth_mm[::2],
            truth=self.truth[::2],
            period_ns=2 * self.period_ns,
        )

    def write(self, folder):
        with RecordingWriter.create(
            folder, camera_matrix=self.K, T_world_camera=self.T_world_camera, camera_name="odd"
        ) as writer:
            for index, (rgb, depth_mm) in enumerate(zip(self.rgb, self.depth_mm, strict=True)):
                writer.append(rgb, depth_mm, 10**9 + index * self.period_ns)
            writer.set_prompt(Prompt(0, box=tuple(float(v) for v in self.box.reshape(-1))))
        return Recording.open(folder)


@pytest.fixture(scope="module")
def take(scene, at, camera_matrix):
    truth = np.stack([at(0.6, -0.1 + SPEED_M * index, 0.02 * index) for index in range(FRAMES)])
    rendered = [scene.render(T, blob=(0.45, -0.25, 0.2), seed=index) for index, T in enumerate(truth)]
    row, column = np.nonzero(rendered[0][2])
    box = np.array([[column.min() - 3, row.min() - 3], [column.max() + 4, row.max() + 4]], dtype=float)
    images = [r[0] for r in rendered], [r[1] for r in rendered]
    return Take(*images, camera_matrix, scene.T_world_camera, box, truth)


def noisier(depth_mm):
    """Twice the sensor's noise on top of it."""
    generator = np.random.default_rng(int(depth_mm[100, 100]))
    z = depth_mm * 1e-3
    added = generator.normal(0.0, 1.0, z.shape) * np.sqrt(8.0) * (0.0005 + 0.0015 * z**2)
    return np.where(depth_mm > 0, np.rint((z + added) * 1000.0), 0).astype(np.uint16)


def overexposed(rgb):
    """Two stops too much light: a third of the picture is white."""
    return np.clip(rgb.astype(float) * 2.2 + 20.0, 0, 255).astype(np.uint8)


BENIGN = {
    "turned by 90 degrees": (lambda take: take.turned(1), 2.0, 1.0),
    "upside down": (lambda take: take.turned(2), 2.0, 1.0),
    "three times the noise": (lambda take: take.images(depth=noisier), 4.0, 2.0),
    "over-exposed": (lambda take: take.images(colour=overexposed), 3.0, 1.5),
    "848x480, halved": (lambda take: take.resampled(424, 240), 2.5, 1.0),
    "1280x720, halved": (lambda take: take.cropped(0, 30, 320, 210).resampled(640, 360), 2.5, 1.0),
    "cropped through the object": (lambda take: take.cropped(0, 0, 230, 240), 3.0, 1.5),
    "15 Hz": (lambda take: take.every_second(), 2.0, 1.0),
}
"""Change, and the median errors that are allowed [mm, deg]; the largest may be three times as large."""


@pytest.mark.parametrize("name", BENIGN)
def test_benign_oddities_are_perceived_within_bounds(take, textured_box, box_model, tmp_path, name):
    change, most_mm, most_deg = BENIGN[name]
    odd = change(take)
    recording = odd.write(tmp_path / "recording")
    findings = check_plausibility(recording, box_model)
    assert not [str(finding) for finding in findings if finding.severity == ERROR]
    path = perceive_object(tmp_path / "recording", textured_box, tmp_path / "object").path
    shift_mm = 1000.0 * np.linalg.norm(path.T_world_object[:, :3, 3] - odd.truth[:, :3, 3], axis=1)
    turn_deg = np.degrees(rotation_angle(odd.truth[:, :3, :3], path.T_world_object[:, :3, :3]))
    assert path.measured.all()
    assert np.median(shift_mm) < most_mm
    assert np.median(turn_deg) < most_deg
    assert shift_mm.max() < 3.0 * most_mm
    assert turn_deg.max() < 3.0 * most_deg


def in_another_unit(take, factor):
    return take.images(depth=lambda depth_mm: np.clip(np.rint(depth_mm * factor), 0, 65535).astype(np.uint16))


def moved(take, right, down):
    return take.images(depth=lambda depth_mm: np.roll(depth_mm, (down, right), axis=(0, 1)))


def tilted(take, degrees):
    T = np.eye(4)
    angle = np.radians(degrees)
    T[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return replace(take, T_world_camera=take.T_world_camera @ T)


def with_intrinsics(take, scale_x, scale_y, shift_x=0.0):
    return replace(take, K=np.diag([scale_x, scale_y, 1.0]) @ take.K + np.array([[0, 0, shift_x], [0] * 3, [0] * 3]))


WRONG = {
    "depth in metres": (lambda take: in_another_unit(take, 0.001), ERROR, "depth: unit"),
    "depth in tenths of a millimetre": (lambda take: in_another_unit(take, 10.0), ERROR, "depth: unit"),
    "depth from an 8-bit picture": (
        lambda take: take.images(depth=lambda depth_mm: depth_mm // 16 * 16),
        WARNING,
        "depth: steps",
    ),
    "depth to the side of colour": (lambda take: moved(take, 12, 0), ERROR, "depth"),
    "depth below colour": (lambda take: moved(take, -5, 9), ERROR, "depth"),
    "no depth": (lambda take: in_another_unit(take, 0.0), ERROR, "depth"),
    "a pose of another day": (lambda take: tilted(take, 20.0), ERROR, "T_world_camera"),
    "a pose that is a little off": (lambda take: tilted(take, 8.0), WARNING, "T_world_camera"),
    "a turned image with the pose of an upright one": (
        lambda take: replace(take.turned(2), T_world_camera=take.T_world_camera),
        ERROR,
        "T_world_camera",
    ),
    "the intrinsics of 848x480": (
        lambda take: with_intrinsics(take, 1.0, 1.0, -52.0),
        WARNING,
        "cam_K.txt: cx",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_in_one_line(take, box_model, tmp_path, name):
    change, severity, field = WRONG[name]
    findings = check_plausibility(change(take).write(tmp_path / "recording"), box_model)
    named = [finding for finding in findings if finding.field == field and finding.severity == severity]
    assert named, [str(finding) for finding in findings]
    assert all("\n" not in str(finding) for finding in findings)
    if severity == ERROR:
        with pytest.raises(InputError):
            require_plausible(Recording.open(tmp_path / "recording"), box_model)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda take: with_intrinsics(take, 2.0, 2.0), "cx"),
        (lambda take: replace(take, K=np.zeros((3, 3))), "form"),
        (lambda take: take.cropped(150, 0, 320, 240), "cx"),
    ],
    ids=["the intrinsics of twice the resolution", "an uncalibrated camera", "a crop far from the optical axis"],
)
def test_intrinsics_that_cannot_be_are_refused_when_written(take, tmp_path, change, field):
    with pytest.raises(InputError) as refusal:
        change(take).write(tmp_path / "recording")
    assert refusal.value.field == field


def test_without_a_pose_the_path_is_right_in_the_frame_of_the_camera(take, textured_box, tmp_path):
    odd = replace(take, T_world_camera=np.eye(4))
    recording = odd.write(tmp_path / "recording")
    assert "T_world_camera" in {finding.field for finding in quality_of(recording).findings}
    assert require_plausible(recording) == []
    path = perceive_object(tmp_path / "recording", textured_box, tmp_path / "object").path
    truth = inverse(take.T_world_camera) @ take.truth
    assert np.median(np.linalg.norm(path.T_world_object[:, :3, 3] - truth[:, :3, 3], axis=1)) < 0.002


def test_an_object_ten_times_the_size_of_its_mesh_is_named(take, box_model, tmp_path):
    recording = take.write(tmp_path / "recording")
    for factor in (0.1, 10.0):
        with pytest.raises(InputError, match="units of depth"):
            require_plausible(recording, replace(box_model, vertices=factor * box_model.vertices))


def test_blue_before_red_is_seen_on_an_object_that_is_neither(box_model):
    generator = np.random.default_rng(3)
    orange = np.clip(generator.normal([205.0, 110.0, 40.0], 15.0, (4000, 3)), 0, 255).astype(np.uint8)
    model = replace(box_model, colours=orange)
    darker = (0.6 * orange[:900].reshape(30, 30, 3)).astype(np.uint8)
    assert not red_and_blue_swapped(darker, model)
    assert red_and_blue_swapped(darker[..., ::-1], model)
    grey = np.repeat(generator.integers(40, 200, (30, 30, 1), dtype=np.uint8), 3, axis=2)
    assert not red_and_blue_swapped(grey, model)
    assert not red_and_blue_swapped(darker[..., ::-1], replace(model, colours=None))


@pytest.mark.skipif(not TABLETOP.is_dir(), reason="no real frames: shared/data/tabletop_rgbd is absent")
@pytest.mark.parametrize("number", range(1, 6))
def test_real_depth_in_tenths_of_a_millimetre_is_named_and_read_when_told(tmp_path, number):
    for kind, name in (("rgb", "color"), ("depth", "depth")):
        (tmp_path / "video" / kind).mkdir(parents=True)
        shutil.copy(TABLETOP / f"{number:06d}-{name}.png", tmp_path / "video" / kind / "00000.png")
    np.savetxt(tmp_path / "video" / "cam_K.txt", [[615.0, 0, 320], [0, 615, 240], [0, 0, 1]])  # of such a camera
    as_it_is = import_recording(tmp_path / "video", tmp_path / "recording").recording
    with pytest.raises(InputError, match="depth: unit"):
        require_plausible(as_it_is)
    options = ImportOptions(depth_scale_m=0.0001)
    told = import_recording(tmp_path / "video", tmp_path / "recording", options=options).recording
    assert require_plausible(told) == []
