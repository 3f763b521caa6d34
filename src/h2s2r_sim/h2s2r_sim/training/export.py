"""From a trained actor to `policy.onnx`: one file, dynamic batch, recurrent state in and out, checked against torch."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from rsl_rl.models import RNNModel

from h2s2r_policy.contract import Contract
from h2s2r_policy.inference import FILE_NAME, OnnxPolicy
from h2s2r_sim.training.actor import DeterministicActor

TOLERANCE = 1e-5
_CHECK_STEPS = 200
_CHECK_ROWS = 3


class ExportError(RuntimeError):
    """The exported network does not compute what the trained one computes."""


def export_policy(actor: RNNModel, contract: Contract, folder: Path) -> float:
    """Write `policy.onnx` into `folder` (inside an artefact being made) and check it.

    The observation's normalisation is part of the graph. Inputs and outputs are those of
    `h2s2r_policy.inference`.

    Returns:
        Largest difference of any action from torch's over 200 recurrent steps on random observations.

    Raises:
        ExportError: It exceeds 1e-5.
    """
    path = folder / FILE_NAME
    network = actor.as_onnx(verbose=False)
    network.to("cpu")
    network.eval()
    rows = 2
    shape = (network.num_layers, rows, network.hidden_size)
    inputs = (torch.zeros(rows, network.input_size), torch.zeros(shape), torch.zeros(shape))
    batch = torch.export.Dim("batch", min=1, max=65536)
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            inputs,
            str(path),
            opset_version=18,
            input_names=network.input_names,
            output_names=network.output_names,
            dynamic_shapes=({0: batch}, {1: batch}, {1: batch}),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    difference = largest_difference(actor, OnnxPolicy(path, contract), contract.layout.size)
    if not difference <= TOLERANCE:
        raise ExportError(f"{path}: actions differ from torch's by {difference:.2e}, more than {TOLERANCE:.0e}")
    return difference


def largest_difference(actor: RNNModel, policy: OnnxPolicy, observation_size: int) -> float:
    """Largest difference of any action between torch and ONNX over 200 recurrent steps."""
    rng = np.random.default_rng(0)
    reference, largest = DeterministicActor(actor), 0.0
    policy.reset()
    for _ in range(_CHECK_STEPS):
        observation = rng.normal(0.0, 1.0, (_CHECK_ROWS, observation_size)).astype(np.float32)
        difference = np.abs(reference.act(observation) - policy.step(observation))
        largest = max(largest, float(difference.max()))
    policy.reset()
    return largest


class _quiet:  # noqa: N801
    """Silence a chatty logger for a while."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._level = self._logger.level

    def __enter__(self) -> None:
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)
