"""Poses that came with a recording, kept to measure perception by; no stage of the pipeline reads them.

The same arrays as a rendered recording's truth (`h2s2r_perception.accuracy`): what is unknown is NaN, and
`premanipulation_index` is -1 where nobody has said it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.accuracy import GROUND_TRUTH, UNKNOWN_FRAME
from h2s2r_perception.artefact import Schema, writing

GROUND_TRUTH_SCHEMA = Schema("ground_truth", 1)


def write_ground_truth(
    folder: Path,
    *,
    stamp_ns: NDArray[np.int64],
    T_world_object: NDArray[np.float64],
    hand_joints_world: NDArray[np.float64],
    origin: str,
    configuration: Any = None,
) -> None:
    """Write the artefact.

    Args:
        folder: Where it appears, whole.
        stamp_ns: `(T,)` of the Recording's frames.
        T_world_object: `(T, 4, 4)` [m]; NaN in frames without an annotation.
        hand_joints_world: `(T, 21, 3)` [m]; NaN where unknown, joint by joint.
        origin: Where the poses come from, for people.
        configuration: What shaped it.
    """
    with writing(folder, GROUND_TRUTH_SCHEMA, configuration=configuration) as artefact:
        np.savez(
            artefact.folder / GROUND_TRUTH,
            stamp_ns=stamp_ns,
            T_world_object=T_world_object,
            hand_joints_world=hand_joints_world,
            premanipulation_index=UNKNOWN_FRAME,
        )
        artefact.fields["origin"] = origin
        artefact.quality["object_frames"] = int(np.isfinite(T_world_object).all(axis=(1, 2)).sum())
        artefact.quality["hand_frames"] = int(np.isfinite(hand_joints_world).any(axis=(1, 2)).sum())
