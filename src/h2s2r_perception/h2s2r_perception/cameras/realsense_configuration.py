"""What a RealSense is asked for: streams, filters, exposure, and how long it is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RealSenseConfiguration:
    """What a RealSense is asked for. `h2s2r record --config` and the camera node's parameters set these."""

    serial: str = ""
    """Serial number; empty: the first camera found."""
    width: int = 640
    """Of colour, and so of the aligned depth [px]."""
    height: int = 480
    rate_hz: int = 30
    """Of both streams; the tracker's rate."""
    depth_width: int = 848
    """Of depth before it is aligned [px]; the native width of the D400's stereo, where its depth is best."""
    depth_height: int = 480
    lock_exposure: bool = True
    """Hold exposure, gain and white balance after the warm-up: a hand that enters the picture would otherwise
    change the object's colours, by which it is tracked."""
    warm_up_frames: int = 45
    """How long automatic exposure is given to settle [frames]."""
    spatial_filter: bool = False
    """Smooths depth over neighbours; off because it rounds the object's edges."""
    temporal_filter: bool = False
    """Smooths depth over time; off because it drags a moving object behind itself."""
    hole_filling: bool = False
    """Fills holes from neighbours; off because what was not measured must not look measured."""
    patience_s: float = 1.0
    """Without a frame for this long, the camera counts as pulled out [s]."""
    retry_s: float = 0.25
    """First wait before it is looked for again; doubled after every failure [s]."""
    retry_longest_s: float = 4.0
    """Longest such wait [s]."""
