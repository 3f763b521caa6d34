"""Loads SAM 2 (`sam2` package, Apache-2.0) with a checkpoint of the user's; nothing is downloaded here."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from h2s2r_perception.artefact import InputError

_CONFIGS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
"""Model -> letter in the name of the package's configuration file."""
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[torch.library.Library] = []


@dataclass(frozen=True)
class Sam2Configuration:
    """Which SAM 2.1, where its weights lie, and where it runs."""

    checkpoint: str = ""
    """Weights file of the model named below, e.g. `sam2.1_hiera_large.pt`."""
    model: str = "large"
    """`tiny`, `small`, `base_plus` or `large`; the published system used large."""
    device: str = "auto"
    """`cuda`, `cpu`, or `auto`: CUDA where there is one."""
    image_size_px: int = 1024
    """Side to which images are scaled, in multiples of 256. It was trained for 1024; half as much is four times
    as fast and less exact."""


def build(configuration: Sam2Configuration, *, video: bool) -> Any:
    """The network with its weights: `SAM2Base`, or `SAM2VideoPredictor` for a video.

    Raises:
        InputError: The package or the checkpoint is missing, or they do not fit together or the machine.
    """
    if configuration.model not in _CONFIGS:
        raise InputError(
            "sam2", "model", found=configuration.model, expected=f"one of {', '.join(_CONFIGS)}", remedy="correct it"
        )
    if configuration.image_size_px < 256 or configuration.image_size_px % 256:
        raise InputError(
            "sam2",
            "image_size_px",
            found=str(configuration.image_size_px),
            expected="a multiple of 256",
            remedy="use 1024, what it was trained for",
        )
    package = _package()
    checkpoint = Path(configuration.checkpoint).expanduser()
    name = f"sam2.1_hiera_{configuration.model}.pt"
    if not configuration.checkpoint or not checkpoint.is_file():
        raise InputError(
            configuration.checkpoint or "sam2",
            "checkpoint",
            found="no such file" if configuration.checkpoint else "none given",
            expected=f"the weights {name}",
            remedy="download them (links in the README of facebookresearch/sam2) and name the file",
        )
    make = package.build_sam2_video_predictor if video else package.build_sam2
    config = f"configs/sam2.1/sam2.1_hiera_{_CONFIGS[configuration.model]}.yaml"
    overrides = [f"++model.image_size={configuration.image_size_px}"]
    try:
        return make(config, str(checkpoint), device=torch_device(configuration), hydra_overrides_extra=overrides)
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            checkpoint,
            "weights",
            found=(str(error) or "other layers").splitlines()[0][:200],
            expected=f"the weights {name}",
            remedy="download the file again, or name its model (tiny, small, base_plus, large)",
        ) from error


def torch_device(configuration: Sam2Configuration) -> str:
    """Where the network runs.

    Raises:
        InputError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if configuration.device == "auto":
        return "cuda" if available else "cpu"
    if configuration.device.startswith("cuda") and not available:
        raise InputError(
            "sam2", "device", found="no CUDA device", expected="one", remedy="use device: cpu (seconds per image)"
        )
    return configuration.device


@contextlib.contextmanager
def inference(device: str) -> Iterator[None]:
    """No gradients; bfloat16 on a GPU, as its authors run it."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if device.startswith("cuda"):
            stack.enter_context(torch.autocast("cuda", dtype=torch.bfloat16))
        yield


def _package() -> Any:
    try:
        _declare_torchvision_operators()
        return importlib.import_module("sam2.build_sam")
    except ImportError as error:
        raise InputError(
            "sam2",
            "package",
            found=str(error),
            expected="sam2 1.1.0",
            remedy="pip install sam2==1.1.0 (see docs/adapters.md)",
        ) from error


def _declare_torchvision_operators() -> None:
    """Let a torchvision built for CUDA be imported beside a torch built for CPUs.

    Package registries serve exactly that pair. torchvision's own operators then do not load, and importing it
    fails because it describes them all the same. SAM 2 uses none of them, so naming them is enough.
    """
    if _kept or torch.version.cuda is not None:
        return
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return
    library = Path(package.origin).parent / "_C.so"
    with contextlib.suppress(OSError):
        torch.ops.load_library(str(library))
        return
    declared = torch.library.Library("torchvision", "DEF")
    for operator in _OPERATORS:
        declared.define(operator)
    _kept.append(declared)
