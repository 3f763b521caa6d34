"""FoundationPose (NVlabs) in this process: the published system's object pose, on a GPU, not for commercial use.

It registers and follows, but never says that it is wrong. Confidence and loss come from `agreement`; like the
published system, an object that disagrees with the image for a second is registered afresh.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.agreement import GOOD_CONFIDENCE, Agreement, PoseChecker
from h2s2r_perception.object_pose.protocol import FloatArray, PoseEstimate

WEIGHTS = ("2023-10-28-18-33-37", "2024-01-11-20-02-45")
"""Folders of the refiner's and the scorer's weights."""
_LOST_FRAMES = 3
_SMALLEST_MASK = 40
_YAW_STEP_DEG = 5.0


@dataclass(frozen=True)
class FoundationPoseConfiguration:
    """Where FoundationPose is, and when it is not believed."""

    repository: str = ""
    """A built checkout of NVlabs/FoundationPose with its weights under `weights/`."""
    register_iterations: int = 5
    track_iterations: int = 2
    """Refinements of each; the numbers of its demo and of the published system."""
    least_overlap: float = 0.2
    """Of the drawn object with what looks like it; less is a mismatch. The paper says 0.1, its code 0.2."""
    mismatch_frames: int = 30
    """So many bad frames in a row, and it registers afresh: 1 s at 30 Hz, as in the published system."""


class FoundationPoseEstimator:
    """An `ObjectPoseEstimator` for one mesh.

    Args:
        model: The object; its mesh is handed over with its texture.
        configuration: Where FoundationPose is.

    Raises:
        InputError: The checkout, its weights, one of its packages or a CUDA device is missing.
    """

    def __init__(self, model: ObjectModel, configuration: FoundationPoseConfiguration | None = None) -> None:
        self._settings = configuration or FoundationPoseConfiguration()
        self._estimator = _load(self._settings, model)
        self._checker = PoseChecker(model)
        self._camera_matrix: FloatArray | None = None
        self._T = np.eye(4)
        self._bad_frames = 0
        self._mask: NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels `(H, W)` of the last image that belong to the object."""
        return self._mask

    def set_table_plane(self, plane: FloatArray | None) -> None:
        """See `ObjectPoseEstimator.set_table_plane`: what lies in it is not the object."""
        self._checker.set_table_plane(plane)

    def register(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        mask: NDArray[np.bool_],
    ) -> PoseEstimate:
        """See `ObjectPoseEstimator.register`."""
        count = np.count_nonzero(mask & (depth_m > 0))
        if count < _SMALLEST_MASK:
            raise _too_little(str(count))
        self._camera_matrix = np.asarray(camera_matrix, dtype=np.float64)
        T = self._registered(rgb, depth_m, mask)
        if T is None:
            raise _too_little("none that its depth filter keeps")
        self._checker.forget_colours()
        self._T, self._bad_frames = T, 0
        found = self._checker.check(rgb, depth_m, self._camera_matrix, T)
        if self._good(found):
            self._checker.learn_colours(rgb, depth_m, self._camera_matrix, T)
        return self._judged(T, found)

    def track(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> PoseEstimate:
        """See `ObjectPoseEstimator.track`."""
        if self._camera_matrix is None:
            raise RuntimeError("track() before register()")
        T: FloatArray | None = None
        if self._bad_frames and self._bad_frames % self._settings.mismatch_frames == 0:
            candidates = self._checker.candidates(rgb, depth_m, self._camera_matrix, self._T)
            if np.count_nonzero(candidates) >= _SMALLEST_MASK:
                T = self._registered(rgb, depth_m, candidates)
        if T is None:
            with _own_tensor_type():
                T = _matrix(
                    self._estimator.track_one(
                        rgb=rgb, depth=depth_m, K=self._camera_matrix, iteration=self._settings.track_iterations
                    )
                )
        return self._judged(T, self._checker.check(rgb, depth_m, self._camera_matrix, T))

    def _registered(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> FloatArray | None:
        """FoundationPose's answer, or None where its filter left it no depth: then it makes a pose up."""
        self._estimator.pose_last = None
        with _own_tensor_type():
            T = self._estimator.register(
                K=self._camera_matrix,
                rgb=rgb,
                depth=depth_m,
                ob_mask=mask.astype(np.uint8),
                iteration=self._settings.register_iterations,
            )
        return None if self._estimator.pose_last is None else _matrix(T)

    def _good(self, found: Agreement) -> bool:
        return found.confidence >= GOOD_CONFIDENCE and found.overlap >= self._settings.least_overlap

    def _judged(self, T: FloatArray, found: Agreement) -> PoseEstimate:
        """Take the pose if the image confirms it, else hold the last one."""
        if self._good(found):
            self._T, self._bad_frames, self._mask = T, 0, found.mask
            return PoseEstimate(T, found.confidence, lost=False)
        self._bad_frames += 1
        self._mask = np.zeros_like(found.mask)
        score = min(found.confidence, 0.99 * GOOD_CONFIDENCE)
        return PoseEstimate(self._T, score, lost=self._bad_frames >= _LOST_FRAMES)


def _load(settings: FoundationPoseConfiguration, model: ObjectModel) -> Any:
    """The network with the object's mesh, as its demo builds it."""
    repository = Path(settings.repository).expanduser()
    if not settings.repository or not (repository / "estimater.py").is_file():
        raise InputError(
            settings.repository or "foundation_pose",
            "repository",
            found="no estimater.py" if settings.repository else "none given",
            expected="a checkout of github.com/NVlabs/FoundationPose",
            remedy="clone and build it, and name the folder (docs/adapters.md; not for commercial use)",
        )
    for name in WEIGHTS:
        for file in ("config.yml", "model_best.pth"):
            if not (repository / "weights" / name / file).is_file():
                raise InputError(
                    repository / "weights" / name,
                    file,
                    found="no such file",
                    expected="the weights of FoundationPose",
                    remedy="download both folders named in its readme, `Data prepare`, into weights/",
                )
    if not torch.cuda.is_available():
        raise InputError(
            "foundation_pose",
            "device",
            found="no CUDA device",
            expected="an NVIDIA GPU and a torch that was built for it",
            remedy="run where there is one, or use estimator: signed_distance",
        )
    if str(repository) not in sys.path:
        sys.path.insert(0, str(repository))
    try:
        with _own_tensor_type():
            module: Any = importlib.import_module("estimater")
            mesh = _mesh(model)
            return module.FoundationPose(
                model_pts=mesh.vertices,
                model_normals=mesh.vertex_normals,
                symmetry_tfs=_turns() if model.symmetry == "yaw" else None,
                mesh=mesh,
                scorer=module.ScorePredictor(),
                refiner=module.PoseRefinePredictor(),
                glctx=module.dr.RasterizeCudaContext(),
                debug=0,
                debug_dir=str(repository / "debug"),
            )
    except ImportError as error:
        raise InputError(
            repository,
            "packages",
            found=str(error),
            expected="nvdiffrast, pytorch3d, kaolin and its own mycpp",
            remedy="build them as its readme says (build_all.sh), in this Python environment",
        ) from error


def _mesh(model: ObjectModel) -> Any:
    """The mesh as its file has it, texture included; its renderer wants an image or colours, not a bare material."""
    mesh: Any = trimesh.load(model.path, force="mesh", process=False)
    if isinstance(mesh.visual, trimesh.visual.texture.TextureVisuals) and model.texture is None:
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.full((len(mesh.vertices), 4), 128, np.uint8))
    return mesh


def _turns() -> FloatArray:
    """Turns about z `(N, 4, 4)` that leave a symmetric object as it is."""
    angle = np.radians(np.arange(0.0, 360.0, _YAW_STEP_DEG))
    axis = np.stack([np.zeros_like(angle), np.zeros_like(angle), angle], axis=1)
    return np.asarray(pose(rotation_from_vector(axis), np.zeros((len(angle), 3))))


def _matrix(T: Any) -> FloatArray:
    return np.asarray(T, dtype=np.float64).reshape(4, 4)


def _too_little(found: str) -> InputError:
    return InputError(
        "object mask",
        "pixels with depth",
        found=found,
        expected=f"at least {_SMALLEST_MASK}",
        remedy="give a box or click on the object where depth is measured",
    )


@contextlib.contextmanager
def _own_tensor_type() -> Iterator[None]:
    """FoundationPose makes CUDA the default of the whole process; our tensors stay where we put them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both of us use a deprecated call: there is no other way to undo it
        try:
            yield
        finally:
            torch.set_default_tensor_type(torch.FloatTensor)
