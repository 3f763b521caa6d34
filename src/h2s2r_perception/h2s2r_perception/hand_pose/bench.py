"""How well real hands are found and lifted: `python -m h2s2r_perception.hand_pose.bench --data DIR`.

`DIR/hand_video/` holds videos of one hand: how often it is found. `DIR/hands_real/` holds images with 3-D joints
(`real_hands`): what is missed, and PA-MPJPE, the mean joint error after a similarity is taken out of each hand, of
the landmarks alone and of the joints fitted with the bones of an adult. No depth was recorded with them, so the
figures named `simulated_depth` use one made from the truth: skin 8 mm before the joint, 3 mm of noise, and 35 %
of the joints hidden 15 to 60 mm nearer. Prints a table, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_perception.hand_pose.alignment import aligned_error_m
from h2s2r_perception.hand_pose.colour_only import joints_without_depth
from h2s2r_perception.hand_pose.lift import LiftConfiguration, lift_with_depths
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeHandDetector
from h2s2r_perception.hand_pose.real_hands import RealHands
from h2s2r_perception.hand_pose.skeleton import SKIN_M
from h2s2r_perception.hand_pose.still_image import StillHandDetector

OUTPUT = Path("build/bench/hand.json")
Figures = dict[str, float | None]
_VIDEO, _IMAGES = "hand_video", "hands_real"
_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm")


def hand_figures(data: Path, step: int = 1) -> Figures:
    """All figures of this benchmark; None for those whose folder is not there.

    Args:
        data: Folder with `hand_video/`, `hands_real/`, or one of them.
        step: Take every so many-th frame and image.

    Raises:
        InputError: A folder is there, but not of this layout.
    """
    figures: Figures = {"hand_pa_mpjpe_mm": None, "hand_missed_fraction": None, "video_found_percent": None}
    if (data / _IMAGES).is_dir():
        figures |= accuracy_on_images(data, step)
    if (data / _VIDEO).is_dir():
        figures |= detection_in_videos(data, step)
    return {name: value if value is not None and np.isfinite(value) else None for name, value in figures.items()}


def detection_in_videos(data: Path, step: int = 1) -> dict[str, float]:
    """Find the hand in every `step`-th frame of the videos in `hand_video/`.

    Raises:
        InputError: There is none that can be read.
    """
    folder = data / _VIDEO
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    frames = found = right = 0
    spent_s = 0.0
    for path in paths:
        video, index = cv2.VideoCapture(str(path)), 0
        detector = MediaPipeHandDetector()
        while video.grab():
            if index % step == 0:
                rgb = cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
                started = time.process_time()
                hand = detector.detect(rgb)
                spent_s += time.process_time() - started
                frames += 1
                found += hand is not None
                right += hand is not None and hand.right
            index += 1
        detector.close()
        video.release()
    if frames == 0:
        raise InputError(
            folder, "video", found=f"{len(paths)} files", expected="a video of one hand", remedy="give --data"
        )
    return {
        "video_frames": frames,
        "video_found_percent": 100.0 * found / frames,
        "video_right_percent": 100.0 * right / max(found, 1),
        "video_detect_cpu_ms": 1e3 * spent_s / frames,
    }


def accuracy_on_images(data: Path, step: int = 1, seed: int = 0) -> dict[str, float]:
    """Detect and lift the images of `hands_real/`, against their 3-D joints.

    Raises:
        InputError: Annotations or images are not there.
    """
    hands = RealHands.open(data / _IMAGES)
    random = np.random.default_rng(seed)
    landmark, fitted, rigid, simulated, absolute, confidence = [], [], [], [], [], []
    looked = right = 0
    detector = StillHandDetector()
    started = time.process_time()
    for index in range(0, len(hands.names), step):
        looked += 1
        image, truth, K = hands.image(index), hands.joints_camera[index], hands.camera_matrix(index)
        found = detector.find(image)
        if found is None:
            continue
        right += found.right
        landmarks = hands.in_picture(index, found, image)
        joints = joints_without_depth(landmarks, K)
        landmark.append(aligned_error_m(landmarks.shape_m, truth))
        fitted.append(aligned_error_m(joints, truth))
        rigid.append(aligned_error_m(joints, truth, scaled=False))
        surface = truth[:, 2] - 0.008 + random.normal(0.0, 0.003, 21)
        surface -= np.where(random.random(21) < 0.35, random.uniform(0.015, 0.06, 21), 0.0)
        lifted = lift_with_depths(landmarks, surface + SKIN_M, K, LiftConfiguration())
        if lifted is not None:
            simulated.append(aligned_error_m(lifted.joints_camera, truth))
            absolute.append(np.linalg.norm(lifted.joints_camera - truth, axis=1))
            confidence.append(lifted.confidence)
    spent_s = time.process_time() - started
    detector.close()
    if looked == 0:
        raise InputError(data / _IMAGES, "image", found="no image", expected="at least one", remedy="give --data")
    return {
        "hand_images": looked,
        "hand_missed_fraction": 1.0 - len(fitted) / looked,
        "hand_right_percent": 100.0 * right / max(len(fitted), 1),
        "hand_pa_mpjpe_mm": _mean_mm(fitted),
        "hand_pa_mpjpe_mm_p50": 1e3 * float(np.median(fitted or [np.nan])),
        "hand_pa_mpjpe_mm_p95": 1e3 * float(np.percentile(fitted or [np.nan], 95)),
        "hand_rigid_aligned_mm": _mean_mm(rigid),
        "hand_pa_mpjpe_landmarks_mm": _mean_mm(landmark),
        "hand_pa_mpjpe_simulated_depth_mm": _mean_mm(simulated),
        "hand_joint_simulated_depth_mm_p50": 1e3 * float(np.median(absolute or [[np.nan]])),
        "hand_joint_simulated_depth_mm_p95": 1e3 * float(np.percentile(absolute or [[np.nan]], 95)),
        "hand_confidence_simulated_depth_said": float(np.mean(confidence)) if confidence else float("nan"),
        "hand_confidence_simulated_depth_true": float(np.mean(np.mean(absolute or [[np.nan]], axis=1) < 0.02)),
        "hand_lifted_simulated_depth_percent": 100.0 * len(absolute) / looked,
        "hand_image_cpu_ms": 1e3 * spent_s / looked,
    }


def _mean_mm(errors_m: list[float]) -> float:
    return 1e3 * float(np.mean(errors_m)) if errors_m else float("nan")


def run(data: Path, output: Path = OUTPUT) -> Figures:
    """Measure, print a table, write the JSON.

    Raises:
        InputError: Neither folder is there, or one is not of this layout.
    """
    if not any((data / name).is_dir() for name in (_VIDEO, _IMAGES)):
        raise InputError(
            data, "folders", found="neither", expected=f"{_VIDEO}/ or {_IMAGES}/ in it", remedy="give --data"
        )
    figures = hand_figures(data)
    publish_figures(figures, output)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with hand_video/ and hands_real/")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    arguments = parser.parse_args()
    try:
        run(arguments.data, arguments.output)
    except InputError as error:
        parser.exit(2, f"{error}\n")
