"""Masks of object and hand through a whole Recording, by SAM 2's memory from one prompt each.

What the published system starts from. The folder has its layout, which FoundationPose and HaMeR read:

```
masks/%05d.png        the object, 255 = object
hand_masks/%05d.png   the hand
meta.json
```

`python -m h2s2r_perception.segmentation.sam2_video RECORDING OUT --checkpoint FILE --hand-click X,Y`
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, Schema, writing
from h2s2r_perception.recording import Prompt, Recording, check_prompt, frame_path
from h2s2r_perception.recording.mask_file import write_mask
from h2s2r_perception.recording.prompt import read_prompt_mask
from h2s2r_perception.segmentation.sam2 import points_and_labels, with_points
from h2s2r_perception.segmentation.sam2_model import Sam2Configuration, build, inference, torch_device

MASKS_SCHEMA = Schema("masks", 1)
OBJECT_MASKS, HAND_MASKS = "masks", "hand_masks"
_JPEG_QUALITY = 95


def write_masks(
    recording_folder: Path,
    prompts: Mapping[str, Prompt],
    output_folder: Path,
    configuration: Sam2Configuration | None = None,
    done: Callable[[float], None] | None = None,
) -> None:
    """Write the masks of every frame, as an artefact.

    Args:
        recording_folder: A Recording.
        prompts: One for each folder of masks, `masks` and `hand_masks`.
        output_folder: Where the artefact appears, whole.
        configuration: Weights and device.
        done: Called with the part of the frames that are done.

    Raises:
        InputError: The Recording or a prompt is unusable, or SAM 2 or its weights are missing.
    """
    settings = configuration or Sam2Configuration()
    recording = Recording.open(recording_folder)
    stated = {"sam2": settings, "prompts": {name: prompt.as_mapping() for name, prompt in prompts.items()}}
    with writing(output_folder, MASKS_SCHEMA, inputs={"recording": recording_folder}, configuration=stated) as writer:
        for name in prompts:
            (writer.folder / name).mkdir()
        seen = dict.fromkeys(prompts, 0)
        for count, (index, masks) in enumerate(propagate(recording, prompts, settings), start=1):
            for name, mask in masks.items():
                seen[name] += bool(mask.any())
                write_mask(writer.folder / frame_path(name, index), mask)
            if done is not None:
                done(count / recording.frame_count)
        writer.quality.update({f"{name}_frames_seen": number for name, number in seen.items()})


def propagate(
    recording: Recording, prompts: Mapping[str, Prompt], configuration: Sam2Configuration
) -> Iterator[tuple[int, dict[str, NDArray[np.bool_]]]]:
    """Follow what was pointed at to both ends of a Recording.

    Args:
        recording: Its colour images are copied to JPEG, which is what SAM 2 reads.
        prompts: What to follow, by name.
        configuration: Weights and device.

    Yields:
        Each frame once, not in order: its index and the mask `(H, W)` of each name, empty where it is not seen.

    Raises:
        InputError: A prompt lies outside the Recording, or SAM 2 or its weights are missing.
    """
    for name, prompt in prompts.items():
        check_prompt(prompt, recording.image_size, recording.frame_count, f"prompt for {name}")
    network = build(configuration, video=True)
    device = torch_device(configuration)
    names = list(prompts)
    first = min(prompt.frame for prompt in prompts.values())
    with tempfile.TemporaryDirectory() as folder:
        for index in range(recording.frame_count):
            path = str(Path(folder) / f"{index:05d}.jpg")
            cv2.imwrite(path, recording.rgb(index)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        with inference(device), _no_progress_bars():
            # Scaled frames are 12 MB each: they stay in ordinary memory.
            state = network.init_state(folder, offload_video_to_cpu=True)
            for number, name in enumerate(names):
                _add(network, state, number, prompts[name], recording)
    for reverse in (False, True):
        # The way back starts at the first prompt again; that frame has been given already.
        steps = network.propagate_in_video(state, start_frame_idx=first, reverse=reverse)
        for index, numbers, logits in _steps(steps, device):
            if reverse and index == first:
                continue
            masks = {names[number]: _mask(logits[row]) for row, number in enumerate(numbers)}
            for name, prompt in prompts.items():
                if prompt.frame == index and prompt.mask is None:
                    masks[name] = with_points(masks[name], prompt)
            yield index, masks


def _steps(steps: Iterator[Any], device: str) -> Iterator[Any]:
    """A generator's items, each made in the network's mode, which is left while the caller works on it."""
    while True:
        with inference(device), _no_progress_bars():
            item = next(steps, None)
        if item is None:
            return
        yield item


def _add(network: Any, state: Any, number: int, prompt: Prompt, recording: Recording) -> None:
    if prompt.mask is not None:
        mask = read_prompt_mask(recording.folder, prompt, recording.image_size)
        network.add_new_mask(inference_state=state, frame_idx=prompt.frame, obj_id=number, mask=mask)
        return
    points, labels = points_and_labels(prompt)
    network.add_new_points_or_box(
        inference_state=state,
        frame_idx=prompt.frame,
        obj_id=number,
        points=points if len(points) else None,
        labels=labels if len(points) else None,
        box=None if prompt.box is None else np.asarray(prompt.box, dtype=np.float32),
    )


def _mask(logits: Any) -> NDArray[np.bool_]:
    return np.asarray((logits[0] > 0.0).cpu().numpy(), dtype=bool)


@contextlib.contextmanager
def _no_progress_bars() -> Iterator[None]:
    """SAM 2 draws its own on standard error; ours is told by the caller."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit code 2 and one line on bad input."""
    parser = argparse.ArgumentParser(description="Masks of object and hand in every frame, by SAM 2.")
    parser.add_argument("recording", type=Path, help="a Recording; its prompt.json points at the object")
    parser.add_argument("output", type=Path)
    parser.add_argument("--checkpoint", required=True, help="sam2.1_hiera_*.pt")
    parser.add_argument("--model", default="large", help="tiny, small, base_plus or large")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--hand-click", required=True, help="X,Y on the hand, in the object's prompted frame")
    parser.add_argument("--hand-but-not", help="X,Y beside the hand, on the arm for instance")
    given = parser.parse_args(arguments)
    try:
        recording = Recording.open(given.recording)
        if recording.prompt is None:
            raise InputError(
                given.recording, "prompt.json", found="none", expected="a box or a click", remedy="write one"
            )
        but_not = (_point(given.hand_but_not),) if given.hand_but_not else ()
        hand = Prompt(recording.prompt.frame, click=_point(given.hand_click), but_not=but_not)
        configuration = Sam2Configuration(given.checkpoint, given.model, given.device)
        write_masks(given.recording, {OBJECT_MASKS: recording.prompt, HAND_MASKS: hand}, given.output, configuration)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError("--hand-click", "value", found=text, expected="X,Y [px]", remedy="correct it") from error
    return x, y


if __name__ == "__main__":
    sys.exit(main())
