"""How well hands are found and lifted, on real images: `python -m h2s2r_perception.hand_pose.bench --data DIR`.

`DIR` holds `hand_video/` (detection rate) and `hands_real/` (3-D joints; no depth was recorded with them, so
it is simulated: skin 8 mm before the joint, 3 mm of noise, and 35 % of the joints hidden 15 to 60 mm nearer).
Prints a table, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.estimator import HandLandmarks
from h2s2r_perception.hand_pose.lift import LiftConfiguration, lift_with_depths
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeHandDetector
from h2s2r_perception.hand_pose.skeleton import SKIN_M

OUTPUT = Path("build/bench/hand.json")
_BORDER_PX = 40
"""The crops are cut so close that the palm detector needs a margin."""


def detection_in_video(data: Path, step: int = 1) -> dict[str, float]:
    """Find the hand in every `step`-th frame of `hand_video/`.

    Raises:
        InputError: The video is not there.
    """
    path = data / "hand_video" / "human_hand_video.mp4"
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise InputError(path, "video", found="none", expected="a video of one hand", remedy="give --data")
    detector = MediaPipeHandDetector()
    frames = found = right = 0
    spent_s = 0.0
    while video.grab():
        if frames % step == 0:
            rgb = cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            started = time.perf_counter()
            hand = detector.detect(rgb)
            spent_s += time.perf_counter() - started
            found += hand is not None
            right += hand is not None and hand.right
        frames += 1
    detector.close()
    looked = -(-frames // step)
    return {
        "video_frames": looked,
        "video_found_percent": 100.0 * found / max(looked, 1),
        "video_right_percent": 100.0 * right / max(found, 1),
        "video_detect_ms": 1e3 * spent_s / max(looked, 1),
    }


def lift_of_real_hands(data: Path, limit: int | None = None, seed: int = 0) -> dict[str, float]:
    """Detect and lift the crops of `hands_real/`, with simulated depth, against their 3-D joints.

    Raises:
        InputError: The annotations are not there.
    """
    folder = data / "hands_real"
    if not (folder / "annotations.npz").is_file():
        raise InputError(folder, "annotations.npz", found="none", expected="joints in 3-D", remedy="give --data")
    with np.load(folder / "annotations.npz") as annotations:
        names, joints = annotations["image"][:limit], annotations["joints_camera_m"].astype(np.float64)
        boxes, intrinsics = annotations["bbox_xywh_px"], annotations["camera_fx_fy_cx_cy_px"]
    random = np.random.default_rng(seed)
    errors, spent_s = [], 0.0
    for index, name in enumerate(names):
        landmarks = _landmarks(folder / str(name), boxes[index])
        fx, fy, cx, cy = intrinsics[index]
        K = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        surface = joints[index, :, 2] - 0.008 + random.normal(0.0, 0.003, 21)
        surface -= np.where(random.random(21) < 0.35, random.uniform(0.015, 0.06, 21), 0.0)
        if landmarks is None:
            continue
        started = time.perf_counter()
        hand = lift_with_depths(landmarks, surface + SKIN_M, K, LiftConfiguration())
        spent_s += time.perf_counter() - started
        if hand is not None:
            errors.append(np.linalg.norm(hand.joints_camera - joints[index], axis=1))
    error_mm = 1e3 * np.array(errors)
    return {
        "hands": len(names),
        "hands_lifted_percent": 100.0 * len(errors) / len(names),
        "joint_error_mm_mean": float(error_mm.mean()),
        "hand_error_mm_p50": float(np.median(error_mm.mean(axis=1))),
        "hand_error_mm_p95": float(np.percentile(error_mm.mean(axis=1), 95)),
        "wrist_error_mm_p50": float(np.median(error_mm[:, 0])),
        "fingertip_error_mm_p50": float(np.median(error_mm[:, 4::4])),
        "lift_ms": 1e3 * spent_s / len(names),
    }


def _landmarks(path: Path, box_xywh: NDArray[np.int32]) -> HandLandmarks | None:
    """Detect in a crop; the landmarks are those of the image it was cut from."""
    image = cv2.imread(str(path))
    if image is None:
        raise InputError(path, "image", found="none that can be read", expected="a JPEG", remedy="restore it")
    crop = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    b = _BORDER_PX
    framed = cv2.copyMakeBorder(crop, b, b, b, b, cv2.BORDER_CONSTANT)
    detector = MediaPipeHandDetector()
    found = detector.detect(framed.astype(np.uint8, copy=False))
    detector.close()
    if found is None:
        return None
    size = np.array([crop.shape[1], crop.shape[0]])
    pixels = (found.pixels - _BORDER_PX) * box_xywh[2:] / size + box_xywh[:2]
    return HandLandmarks(pixels, found.shape_m, found.score, found.right)


def run(data: Path, output: Path = OUTPUT) -> dict[str, float]:
    """Measure, print a table, write the JSON."""
    figures = {**detection_in_video(data), **lift_of_real_hands(data)}
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        print(f"{name:{width}}  {value:.1f}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with hand_video/ and hands_real/")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    arguments = parser.parse_args()
    run(arguments.data, arguments.output)
