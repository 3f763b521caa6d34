"""A checkout of FoundationPose without its networks: its folders, signatures, side effects and frames.

`truth` is the mesh's pose in the camera that the "network" sees; tests set it with each image they show. Tracking
moves at most `STEP_M` towards it, so a tracker that fell behind stays behind, as the real one does.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

WEIGHTS = ("2023-10-28-18-33-37", "2024-01-11-20-02-45")

SOURCE = """
import numpy as np
import torch

STEP_M = 0.04
truth = np.eye(4)


class dr:
    class RasterizeCudaContext:
        pass


class ScorePredictor:
    pass


class PoseRefinePredictor:
    pass


class FoundationPose:
    def __init__(self, model_pts, model_normals, symmetry_tfs=None, mesh=None, scorer=None, refiner=None, glctx=None,
                 debug=0, debug_dir='/nowhere'):
        assert len(model_pts) == len(model_normals) == len(mesh.vertices)
        assert isinstance(scorer, ScorePredictor) and isinstance(refiner, PoseRefinePredictor)
        # Its renderer reads the picture of every textured mesh.
        if hasattr(mesh.visual, "uv"):
            np.array(mesh.visual.material.image.convert("RGB"))
        self.symmetry_tfs = symmetry_tfs
        self.model_center = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
        self.glctx = glctx
        self.pose_last = None

    def get_tf_to_centered_mesh(self):
        T = np.eye(4)
        T[:3, 3] = -self.model_center
        return T

    def register(self, K, rgb, depth, ob_mask, ob_id=None, glctx=None, iteration=5):
        check(K, rgb, depth)
        assert ob_mask.shape == depth.shape
        valid = (depth >= 0.001) & (ob_mask > 0)
        if valid.sum() < 4:
            return np.eye(4)
        torch.set_default_tensor_type(torch.DoubleTensor)  # stands for the CUDA type that it leaves behind
        self.pose_last = truth @ np.linalg.inv(self.get_tf_to_centered_mesh())
        return (self.pose_last @ self.get_tf_to_centered_mesh()).astype(np.float32)

    def track_one(self, rgb, depth, K, iteration, extra={}):
        if self.pose_last is None:
            raise RuntimeError
        check(K, rgb, depth)
        torch.set_default_tensor_type(torch.DoubleTensor)
        seen = truth @ np.linalg.inv(self.get_tf_to_centered_mesh())
        if np.linalg.norm(seen[:3, 3] - self.pose_last[:3, 3]) < STEP_M:
            self.pose_last = seen
        return (self.pose_last @ self.get_tf_to_centered_mesh()).astype(np.float32).reshape(4, 4)


def check(K, rgb, depth):
    assert K.shape == (3, 3)
    assert rgb.dtype == np.uint8 and rgb.shape == (*depth.shape, 3)
    assert depth.dtype == np.float32 and depth.max() < 20.0, "metres"
"""


def make_checkout(folder: Path) -> Path:
    """Write the folder that a user names, weights included."""
    (folder / "estimater.py").write_text(SOURCE)
    for name in WEIGHTS:
        (folder / "weights" / name).mkdir(parents=True)
        for file in ("config.yml", "model_best.pth"):
            (folder / "weights" / name / file).write_bytes(b"")
    return folder


def forget_checkout(folder: Path) -> None:
    """Undo the import."""
    sys.modules.pop("estimater", None)
    if str(folder) in sys.path:
        sys.path.remove(str(folder))


def show(T_camera_object) -> None:
    """What the network will see in the next image."""
    importlib.import_module("estimater").truth = T_camera_object
