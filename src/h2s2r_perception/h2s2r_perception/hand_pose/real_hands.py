"""Reads a folder of real hands with their 3-D joints: `hands_real/` as the benchmark takes it.

annotations.npz
  image (N,) file names   joints_camera_m (N, 21, 3)   bbox_xywh_px (N, 4)   camera_fx_fy_cx_cy_px (N, 4)

Each image is the box of a larger picture, resized to any size; box and intrinsics are those of that picture.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.estimator import HandLandmarks

FloatArray = NDArray[np.float64]
_SHAPES = {"joints_camera_m": (21, 3), "bbox_xywh_px": (4,), "camera_fx_fy_cx_cy_px": (4,)}


@dataclass(frozen=True, eq=False)
class RealHands:
    """Images and what is known about them."""

    folder: Path
    names: tuple[str, ...]
    joints_camera: FloatArray
    """`(N, 21, 3)` [m]."""
    boxes: FloatArray
    """`(N, 4)` left, top, width, height of each image in its picture [px]."""
    intrinsics: FloatArray
    """`(N, 4)` fx, fy, cx, cy of the picture [px]."""

    @classmethod
    def open(cls, folder: Path) -> RealHands:
        """Read the annotations.

        Raises:
            InputError: They are missing or do not have this layout.
        """
        path = folder / "annotations.npz"
        if not path.is_file():
            raise InputError(folder, "annotations.npz", found="none", expected="joints in 3-D", remedy="give --data")
        try:
            with np.load(path, allow_pickle=False) as stored:
                values = {name: stored[name] for name in ("image", *_SHAPES)}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            wanted = ", ".join(("image", *_SHAPES))
            raise InputError(
                path, "content", found=str(error), expected=f"arrays {wanted}", remedy="restore the file"
            ) from error
        count = len(values["image"])
        for name, shape in _SHAPES.items():
            if values[name].shape != (count, *shape) or not np.isfinite(values[name]).all():
                raise InputError(
                    path,
                    name,
                    found=f"shape {values[name].shape}, {np.isfinite(values[name]).mean():.0%} finite",
                    expected=f"{(count, *shape)}, all finite, for {count} images",
                    remedy="annotate every image",
                )
        sizes = np.concatenate([values["bbox_xywh_px"][:, 2:], values["camera_fx_fy_cx_cy_px"][:, :2]], axis=1)
        if not (sizes > 0).all():
            raise InputError(
                path,
                "bbox_xywh_px, camera_fx_fy_cx_cy_px",
                found=f"{(sizes <= 0).any(axis=1).sum()} images without width, height or focal length",
                expected="positive sizes",
                remedy="annotate every image",
            )
        arrays = [values[name].astype(np.float64) for name in _SHAPES]
        return cls(folder, tuple(str(name) for name in values["image"]), *arrays)

    def image(self, index: int) -> NDArray[np.uint8]:
        """One image `(H, W, 3)`, red first.

        Raises:
            InputError: It cannot be read.
        """
        path = self.folder / self.names[index]
        image = cv2.imread(str(path))
        if image is None:
            raise InputError(path, "image", found="none that can be read", expected="an image", remedy="restore it")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def camera_matrix(self, index: int) -> FloatArray:
        """Intrinsics `(3, 3)` of the picture [px]."""
        fx, fy, cx, cy = self.intrinsics[index]
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    def in_picture(self, index: int, landmarks: HandLandmarks, image: NDArray[np.uint8]) -> HandLandmarks:
        """Landmarks of the image, in pixels of the picture that it was cut from."""
        box = self.boxes[index]
        pixels = landmarks.pixels * box[2:] / [image.shape[1], image.shape[0]] + box[:2]
        return HandLandmarks(pixels, landmarks.shape_m, landmarks.score, landmarks.right)
