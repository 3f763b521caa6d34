"""HaMeR's package without its network: its modules, signatures, crop convention, and a data folder.

`hand` is what the network sees: vertices and joints `(.., 3)` [m] in the camera frame with the principal point in the
middle of the image, and the focal length [px]. It answers like the real one: root-relative, with a camera for the crop.
"""

from __future__ import annotations

import sys
from pathlib import Path

MODULES = {
    "hamer/__init__.py": "",
    "hamer/configs/__init__.py": 'CACHE_DIR_HAMER = "./_DATA"\n',
    "hamer/models/__init__.py": """
from types import SimpleNamespace

import torch

from .. import configs
from ..configs import CACHE_DIR_HAMER

DEFAULT_CHECKPOINT = f"{CACHE_DIR_HAMER}/hamer_ckpts/checkpoints/hamer.ckpt"
hand = None


class Network:
    def __init__(self):
        self.mano = SimpleNamespace(
            faces=None if hand is None else hand["faces"],
            joint_map=torch.tensor([0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20]),
            extra_joints_idxs=torch.tensor([744, 320, 443, 554, 671]),
        )
        self.shown = []

    def to(self, device):
        return self

    def eval(self):
        return self

    def __call__(self, batch):
        assert batch["img"].shape == (1, 3, 256, 256) and batch["right"].tolist() == [1.0]
        self.shown.append({name: value.numpy() for name, value in batch.items()})
        vertices, joints = (torch.tensor(hand[name], dtype=torch.float32) for name in ("vertices", "joints"))
        tx, ty, tz = joints.mean(axis=0)
        (cx, cy), b = batch["box_center"][0], batch["box_size"][0]
        w, h = batch["img_size"][0]
        s = 2 * hand["focal"] / (b * tz)
        camera = torch.stack([s, tx - 2 * (cx - w / 2) / (b * s), ty - 2 * (cy - h / 2) / (b * s)])
        t = torch.stack([tx, ty, tz])
        extra = torch.zeros(3, 3)  # a checkpoint with further regressed joints has them at the end
        return {"pred_cam": camera[None].float(), "pred_vertices": (vertices - t)[None],
                "pred_keypoints_3d": torch.cat([joints - t, extra])[None]}


def load_hamer(checkpoint_path=DEFAULT_CHECKPOINT):
    from pathlib import Path
    assert (Path(configs.CACHE_DIR_HAMER) / "data/mano/MANO_RIGHT.pkl").is_file(), "MANO is looked for elsewhere"
    if Path(checkpoint_path).read_bytes() != b"weights":
        raise RuntimeError("invalid header or archive is corrupted")
    return Network(), SimpleNamespace(MODEL=SimpleNamespace(IMAGE_SIZE=256))
""",
    "hamer/utils/__init__.py": """
import torch


def recursive_to(x, target):
    if isinstance(x, dict):
        return {key: recursive_to(value, target) for key, value in x.items()}
    return x.to(target) if isinstance(x, torch.Tensor) else x
""",
    "hamer/utils/renderer.py": """
import torch


def cam_crop_to_full(cam_bbox, box_center, box_size, img_size, focal_length=5000.):
    scale = box_size * cam_bbox[:, 0] + 1e-9
    x = 2 * (box_center[:, 0] - img_size[:, 0] / 2) / scale + cam_bbox[:, 1]
    y = 2 * (box_center[:, 1] - img_size[:, 1] / 2) / scale + cam_bbox[:, 2]
    return torch.stack([x, y, 2 * focal_length / scale], dim=-1)
""",
    "hamer/datasets/__init__.py": "",
    "hamer/datasets/vitdet_dataset.py": """
import numpy as np
import torch


class ViTDetDataset(torch.utils.data.Dataset):
    def __init__(self, cfg, img_cv2, boxes, right, rescale_factor=2.5, train=False, **kwargs):
        self.img_cv2, self.right = img_cv2, right.astype(np.float32)
        boxes = boxes.astype(np.float32)
        self.center = (boxes[:, 2:4] + boxes[:, 0:2]) / 2.0
        self.scale = rescale_factor * (boxes[:, 2:4] - boxes[:, 0:2])

    def __len__(self):
        return len(self.right)

    def __getitem__(self, idx):
        print("downsampling_factor=1.0")
        size = max(self.scale[idx].max(), self.scale[idx][0] * 256 / 192)
        x, y = self.center[idx].astype(int)
        colour = self.img_cv2[y, x][::-1].astype(np.float32)
        return {"img": np.broadcast_to(colour[:, None, None], (3, 256, 256)).copy(), "personid": idx,
                "box_center": self.center[idx].copy(), "box_size": size,
                "img_size": 1.0 * np.array([self.img_cv2.shape[1], self.img_cv2.shape[0]]),
                "right": self.right[idx].copy()}
""",
}
FILES = (
    "hamer_ckpts/checkpoints/hamer.ckpt",
    "hamer_ckpts/model_config.yaml",
    "data/mano_mean_params.npz",
    "data/mano/MANO_RIGHT.pkl",
)


def install(folder: Path) -> Path:
    """Write the package and its data folder; the package can be imported, the data folder is returned."""
    for name, text in MODULES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in FILES:
        (folder / "_DATA" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "_DATA" / name).write_bytes(b"weights")
    sys.path.insert(0, str(folder))
    return folder / "_DATA"


def uninstall(folder: Path) -> None:
    """Undo the import."""
    for name in [name for name in sys.modules if name == "hamer" or name.startswith("hamer.")]:
        del sys.modules[name]
    if str(folder) in sys.path:
        sys.path.remove(str(folder))


def show(vertices, joints, faces, focal) -> None:
    """What the network will see in the next image."""
    import hamer.models

    hamer.models.hand = {"vertices": vertices, "joints": joints, "faces": faces, "focal": focal}
