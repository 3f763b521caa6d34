"""HaMeR (geopavlakos/hamer) with MANO: loads it and asks it for one hand, in metres, right in the image."""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.mano import JOINT_ORDER, TIP_VERTICES

FloatArray = NDArray[np.float64]
CHECKPOINT = "hamer_ckpts/checkpoints/hamer.ckpt"
_FILES = {
    CHECKPOINT: "run its fetch_demo_data.sh",
    "hamer_ckpts/model_config.yaml": "run its fetch_demo_data.sh",
    "data/mano_mean_params.npz": "run its fetch_demo_data.sh",
    "data/mano/MANO_RIGHT.pkl": "register at mano.is.tue.mpg.de and put the file there (not for commercial use)",
}
"""Files under HaMeR's data folder -> how to get them."""


@dataclass(frozen=True, eq=False)
class HandMesh:
    """One right hand as HaMeR sees it: its distance is a guess."""

    vertices: FloatArray
    """`(778, 3)` [m], camera frame."""
    faces: NDArray[np.int64]
    """`(F, 3)`."""
    joints: FloatArray
    """`(21, 3)` [m], in our order."""


class HamerModel:
    """The network on its device.

    Args:
        data: HaMeR's `_DATA` folder.
        device: `cuda` or `cpu`.

    Raises:
        InputError: The package, its weights or MANO is missing or of another version.
    """

    def __init__(self, data: Path, device: str) -> None:
        self._device = device
        self._network, self._settings = _load(data)
        self._network = self._network.to(device)
        self._network.eval()
        self._faces = np.asarray(self._network.mano.faces, dtype=np.int64)
        _check_order(self._network.mano)

    def reconstruct(
        self, rgb: NDArray[np.uint8], box: tuple[int, int, int, int], camera_matrix: FloatArray, rescale: float
    ) -> HandMesh:
        """The right hand in a box.

        Args:
            rgb: Colour `(H, W, 3)`, red first.
            box: `x0, y0, x1, y1` [px] round the hand.
            camera_matrix: `(3, 3)` [px].
            rescale: What it is shown is this much larger than the box.
        """
        dataset_of = importlib.import_module("hamer.datasets.vitdet_dataset").ViTDetDataset
        full_camera = importlib.import_module("hamer.utils.renderer").cam_crop_to_full
        to_device = importlib.import_module("hamer.utils").recursive_to
        boxes, right = np.array([box], dtype=np.float64), np.ones(1)
        # It takes images as OpenCV reads them, and prints while it scales them.
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        with contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            dataset = dataset_of(self._settings, bgr, boxes, right, rescale_factor=rescale)
            batch = to_device(torch.utils.data.default_collate([dataset[0]]), self._device)
            out = self._network(batch)
            focal = float(camera_matrix[0, 0])
            size = batch["img_size"].float()
            translation = full_camera(
                out["pred_cam"], batch["box_center"].float(), batch["box_size"].float(), size, focal
            )
        t = translation[0].double().cpu().numpy() + principal_point_shift(
            float(translation[0, 2]), camera_matrix, (rgb.shape[1], rgb.shape[0])
        )
        vertices, joints = (out[name][0].double().cpu().numpy() for name in ("pred_vertices", "pred_keypoints_3d"))
        return HandMesh(vertices + t, self._faces, joints[:21] + t)


def principal_point_shift(depth_m: float, camera_matrix: FloatArray, image_size: tuple[int, int]) -> FloatArray:
    """What HaMeR's translation `(3,)` [m] lacks at a depth: it takes the image's middle for the principal point.

    A point of it at `f X / Z + W / 2` must be seen at `f X' / Z + cx`, so `X' = X - (cx - W / 2) Z / f`.
    """
    width, height = image_size
    x = (camera_matrix[0, 2] - width / 2.0) / camera_matrix[0, 0]
    y = (camera_matrix[1, 2] - height / 2.0) / camera_matrix[1, 1]
    return np.array([-x * depth_m, -y * depth_m, 0.0])


def _load(data: Path) -> tuple[Any, Any]:
    for name, remedy in _FILES.items():
        if not (data / name).is_file():
            raise InputError(
                data / name,
                "file",
                found="no such file",
                expected="HaMeR's data folder with MANO in it",
                remedy=remedy,
            )
    try:
        # Its package looks for MANO in `./_DATA`, wherever that is when it runs.
        settings: Any = importlib.import_module("hamer.configs")
        settings.CACHE_DIR_HAMER = str(data)
        network, configuration = importlib.import_module("hamer.models").load_hamer(str(data / CHECKPOINT))
        return network, configuration
    except (ImportError, AttributeError) as error:  # PyOpenGL without EGL fails with the latter
        raise InputError(
            "hamer",
            "package",
            found=str(error),
            expected="hamer, from github.com/geopavlakos/hamer",
            remedy="clone it and pip install -e .[all]; apt install libegl1 (docs/adapters.md)",
        ) from error
    except (RuntimeError, KeyError, AssertionError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise InputError(
            data,
            "weights",
            found=(str(error) or type(error).__name__).splitlines()[0][:200],
            expected="HaMeR's own checkpoint and MANO_RIGHT.pkl",
            remedy="fetch them again",
        ) from error


def _check_order(mano: Any) -> None:
    """Its joints must come in our order; other models built on MANO have others."""
    order = tuple(int(index) for index in mano.joint_map)
    tips = tuple(int(index) for index in mano.extra_joints_idxs)
    if order != JOINT_ORDER or tips != tuple(TIP_VERTICES.values()):
        raise InputError(
            "hamer",
            "order of MANO's joints",
            found=f"{list(order)} with tips {list(tips)}",
            expected=f"{list(JOINT_ORDER)} with tips {list(TIP_VERTICES.values())}",
            remedy="use geopavlakos/hamer, or bring our order into line",
        )
