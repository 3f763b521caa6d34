"""Mass and inertia of a solid of one density, and whether such a thing can exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

FloatArray = NDArray[np.float64]

_DENSITY_KG_M3 = (5.0, 12_000.0)
"""From foam and empty packages to lead; outside, mass or unit is wrong."""
_MASS_KG = (0.002, 14.0)
"""What an arm that lifts 14 kg can move."""


@dataclass(frozen=True)
class MassProperties:
    """Of the object in its own frame, whose origin is the centre of mass."""

    mass_kg: float
    density_kg_m3: float
    """Mean over the enclosed volume."""
    inertia_kg_m2: FloatArray
    """`(3, 3)` about the centre of mass."""

    def six(self) -> tuple[float, ...]:
        """Ixx, Iyy, Izz, Ixy, Ixz, Iyz, as task files and MuJoCo write them."""
        rows, columns = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
        return tuple(float(value) for value in self.inertia_kg_m2[rows, columns])


def mass_properties(
    mesh: trimesh.Trimesh, *, mass_kg: float | None, density_kg_m3: float | None, source: Path | str
) -> MassProperties:
    """Mass properties of a watertight mesh from its weight, or from its density.

    The mass is taken as spread evenly over the enclosed volume: a hollow thing scanned from outside has more
    inertia than that.

    Raises:
        InputError: Neither or both are given, or the result cannot exist.
    """
    if (mass_kg is None) == (density_kg_m3 is None):
        raise InputError(
            source,
            "mass",
            found="both" if mass_kg is not None else "neither",
            expected="either --mass or --density",
            remedy="weigh the object and give --mass",
        )
    if mass_kg is None:
        assert density_kg_m3 is not None
        mass_kg = density_kg_m3 * float(mesh.volume)
    density = mass_kg / float(mesh.volume)
    for field, value, (low, high), unit in (
        ("mass", mass_kg, _MASS_KG, "kg"),
        ("density", density, _DENSITY_KG_M3, "kg/m^3"),
    ):
        if not low <= value <= high:
            raise InputError(
                source,
                field,
                found=f"{value:.4g} {unit} (a volume of {1000 * mesh.volume:.4g} litres)",
                expected=f"{low:g} to {high:g} {unit}",
                remedy="check --mass, --density and --unit",
            )
    inertia = np.asarray(mesh.moment_inertia, dtype=np.float64) * (density / mesh.density)
    check_inertia(inertia, source)
    return MassProperties(float(mass_kg), float(density), inertia)


def check_inertia(inertia: FloatArray, source: Path | str) -> None:
    """Refuse an inertia `(3, 3)` [kg m^2] that no body has.

    Raises:
        InputError: A principal moment is not positive, or exceeds the sum of the other two.
    """
    moments = np.linalg.eigvalsh((inertia + inertia.T) / 2)
    if not np.all(np.isfinite(moments)) or moments[0] <= 0.0 or moments[2] > (moments[0] + moments[1]) * (1 + 1e-6):
        raise InputError(
            source,
            "inertia",
            found=f"principal moments {np.array2string(moments, precision=3)} kg m^2",
            expected="positive ones, none larger than the sum of the other two",
            remedy="is the surface closed, with outward normals?",
        )
