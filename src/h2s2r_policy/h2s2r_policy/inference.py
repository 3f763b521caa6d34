"""The trained network at work: a policy bundle loaded, checked against its contract, and stepped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_policy import contract as contract_file
from h2s2r_policy.contract import Contract

FILE_NAME = "policy.onnx"
OBSERVATION, ACTION = "obs", "actions"
RECURRENT = {"h_in": "h_out", "c_in": "c_out"}
"""Recurrent state in and out, by the names of rsl_rl's exporter; a GRU has only the first, an MLP none."""


class OnnxPolicy:
    """A network with its recurrent state, the only thing it remembers.

    Args:
        path: The ONNX file; its batch dimension is dynamic, or 1.
        contract: Whose sizes it must have.

    Raises:
        InputError: The file is unreadable, or its inputs and outputs do not fit the contract.
    """

    def __init__(self, path: Path, contract: Contract) -> None:
        self.contract = contract
        self._path = path
        self._session = _open(path)
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name: node for node in self._session.get_outputs()}
        layers, width = contract.recurrent_shape
        self._recurrent = [name for name in RECURRENT if name in inputs]
        self._check(inputs, OBSERVATION, {1: contract.layout.size})
        self._check(outputs, ACTION, {1: contract.action_size})
        for name in self._recurrent:
            self._check(inputs, name, {0: layers, 2: width})
            self._check(outputs, RECURRENT[name], {0: layers})
        unknown = sorted(set(inputs) - {OBSERVATION, *RECURRENT})
        if unknown or bool(layers) != bool(self._recurrent):
            self._refuse("inputs", ", ".join(sorted(inputs)), "obs and the recurrent state of the contract")
        self._fixed_batch = inputs[OBSERVATION].shape[0] == 1
        self._state: dict[str, NDArray[np.float32]] = {}

    def reset(self, rows: NDArray[np.bool_] | None = None) -> None:
        """Forget the past of these rows `(N,)`, or of all."""
        if rows is None:
            self._state = {}
        for state in self._state.values():
            state[:, rows, :] = 0.0

    def step(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Actions `(N, A)` for observations `(N, D)`; N stays the same until `reset()`.

        Raises:
            InputError: Something that is not a number went into the network or came out.
        """
        if not np.isfinite(observation).all():
            # The run time's activations turn a NaN into a plausible number; it must not get that far.
            self._refuse("observation", "NaN or infinity", "finite numbers")
        rows = observation.shape[0]
        if self._fixed_batch and rows != 1:
            self._refuse("batch size", "1", f"a dynamic batch dimension, for {rows} rows at once")
        if not self._state:
            layers, width = self.contract.recurrent_shape
            self._state = {name: np.zeros((layers, rows, width), np.float32) for name in self._recurrent}
        names = [ACTION, *(RECURRENT[name] for name in self._recurrent)]
        action, *state = self._session.run(names, {OBSERVATION: observation, **self._state})
        if not np.isfinite(action).all():
            self._refuse("output", "NaN or infinity", "finite actions")
        # Copies: the run time may reuse its buffers, and `reset` writes into the state.
        self._state = dict(zip(self._recurrent, map(np.array, state), strict=True))
        return np.array(action)

    def _check(self, nodes: dict[str, Any], name: str, sizes: dict[int, int]) -> None:
        if name not in nodes:
            self._refuse("inputs and outputs", ", ".join(sorted(nodes)), f"`{name}` among them")
        shape = nodes[name].shape
        for axis, size in sizes.items():
            # The exporter leaves some output sizes symbolic; what is written as a number must fit.
            if len(shape) <= axis or (isinstance(shape[axis], int) and shape[axis] != size):
                self._refuse(f"size of `{name}`", str(shape), f"{size} in axis {axis}, as in the contract")

    def _refuse(self, field: str, found: str, expected: str) -> None:
        raise InputError(self._path, field, found=found, expected=expected, remedy="export the policy again")


@dataclass(frozen=True)
class PolicyBundle:
    """A policy as a folder: the network and the contract it was trained under."""

    folder: Path
    contract: Contract
    policy: OnnxPolicy

    @classmethod
    def load(cls, folder: Path) -> PolicyBundle:
        """Read a bundle.

        Raises:
            InputError: A file is missing or does not fit the other.
        """
        contract = contract_file.read(folder)
        return cls(folder, contract, OnnxPolicy(folder / FILE_NAME, contract))


def _open(path: Path) -> Any:
    if not path.is_file():
        raise InputError(
            path, "file", found="no such file", expected="an exported policy", remedy="finish `h2s2r train`"
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One robot, one small network: more threads only add waiting.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base class of its errors
        raise InputError(
            path, "content", found=str(error), expected="an ONNX network", remedy="export the policy again"
        ) from error
