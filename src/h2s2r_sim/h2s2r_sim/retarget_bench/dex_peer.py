"""dex-retargeting's position optimiser, for the hand alone: SLSQP on a Huber loss of the fingertips' places.

Built from its own configuration class. The palm stands still, so its six free joints are left out, and the middle
links of its Allegro file are not targets, as nobody else is asked for them. There is no filter (its value for
positions), and it stops by its own rule. `CONFIGURED` pulls towards the posture before, which is here the start;
`ACCURATE` does not, as in its own test of accuracy, since the hands are not a sequence.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_sim.retarget_bench.bare_model import bare_urdf
from h2s2r_sim.retarget_bench.peer import Array

CONFIGURED, ACCURATE = 4e-3, 0.0
"""Its `normal_delta`."""


class DexPeer:
    """dex-retargeting for the hand of an embodiment.

    Args:
        embodiment: The robot.
        normal_delta: The pull.

    Raises:
        InputError: dex-retargeting is not installed.
    """

    def __init__(self, embodiment: Embodiment, normal_delta: float) -> None:
        configuration_type = _library().RetargetingConfig
        with tempfile.TemporaryDirectory() as folder:
            urdf = Path(folder) / "hand.urdf"
            urdf.write_text(bare_urdf(embodiment, embodiment.palm_frame), encoding="utf-8")
            configuration = configuration_type(
                type="position",
                urdf_path=str(urdf),
                target_link_names=list(embodiment.fingertip_frames),
                target_link_human_indices=np.arange(len(embodiment.fingertip_frames)),
                normal_delta=normal_delta,
                low_pass_alpha=1.0,
            )
            self._retargeting = configuration.build()
        names = list(self._retargeting.joint_names)
        self._columns = np.array([names.index(name) for name in embodiment.hand_joint_names])
        self._start = np.zeros(len(names))
        self._start[self._columns] = embodiment.home[embodiment.arm_dof :]
        self._limits = embodiment.limits.lower[embodiment.arm_dof :], embodiment.limits.upper[embodiment.arm_dof :]

    def hand(self, fingertips: Array) -> Array:
        """As `Peer.hand`."""
        self._retargeting.set_qpos(self._start.astype(np.float32))
        found = np.asarray(self._retargeting.retarget(fingertips), dtype=float)[self._columns]
        # It allows 0.001 rad beyond the limits.
        return np.clip(found, *self._limits)


def _library() -> Any:
    try:
        from dex_retargeting import retargeting_config
    except ImportError as error:
        raise InputError(
            "bench-retarget",
            "packages",
            found=str(error),
            expected="dex-retargeting and nlopt",
            remedy="run `make setup-dev`",
        ) from error
    return retargeting_config
