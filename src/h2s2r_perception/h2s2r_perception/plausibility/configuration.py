"""What is plausible of a recording of a table-top."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlausibilityConfiguration:
    """What is still plausible."""

    frames: int = 5
    """Looked at, spread over the recording."""
    nearest_m: float = 0.15
    farthest_m: float = 3.0
    """Where the near fifth of a picture of a table-top ends; behind it there may be a hall."""
    smallest_ratio: float = 0.2
    largest_ratio: float = 5.0
    """Of the prompted region's size to the object's diameter: boxes are drawn loosely, objects seen end on."""
    coarsest_step_mm: int = 5
    """Depth in coarser steps was converted badly."""
    noise_share: float = 0.006
    """Depth that differs by more than this share of itself from its surroundings is noisy: 3 times a D435."""
    principal_point_share: float = 0.09
    """Of the image's size: real principal points lie within 5 % of the middle, other resolutions' do not."""
    shift_share: float = 0.015
    """Of the image's width that depth may lie beside colour."""
    shift_gain: float = 1.5
    """By which the edges must fit better when shifted, before it is believed."""
    shift_edges: int = 500
    """Depth edge pixels that are needed to say so."""
    warn_tilt_deg: float = 5.0
    stop_tilt_deg: float = 15.0
    """Of the plane that things stand on."""
    upright_deg: float = 50.0
    """That the world's up may be from the image's up before hands and people are no longer found reliably."""
