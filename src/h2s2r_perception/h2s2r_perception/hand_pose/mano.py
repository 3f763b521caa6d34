"""MANO's joints and fingertips in our order.

MANO regresses 16 joints, finger by finger from the palm outwards, in its own order of fingers, and has no tips:
those are vertices of its mesh.
"""

from __future__ import annotations

FINGERS = ("index", "middle", "little", "ring", "thumb")
"""MANO's order: its joints 1 to 15 are three of each, after the wrist."""
TIP_VERTICES = {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "little": 671}
"""Vertices of the right hand's mesh, in the order in which they follow the 16 joints (smplx's choice)."""


def _order() -> tuple[int, ...]:
    tips = {finger: 16 + number for number, finger in enumerate(TIP_VERTICES)}
    order = [0]
    for finger in TIP_VERTICES:
        first = 1 + 3 * FINGERS.index(finger)
        order += [first, first + 1, first + 2, tips[finger]]
    return tuple(order)


JOINT_ORDER = _order()
"""`(21,)` ours -> MANO's 16 joints followed by the five tips; HaMeR and OpenPose have the same order as we do."""
