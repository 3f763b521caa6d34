"""Vessels: a closed profile turned about z, with a spout pressed into it and a handle grown out of it.

The handle shares its end rings with two holes cut into the wall's own grid, so that the whole is one closed
surface without any Boolean operation. Texture coordinates are the angle about z (u) and the way along the
profile (v); the uppermost strip of the texture is the handle's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int64]

SEGMENTS = 60
"""Around the axis."""
HANDLE_STRIP = 0.06
"""Share of the texture's height, at its top, that colours the handle."""
_STEP_M = 0.005
"""Longest step along the profile: the handle's holes are cut between such rows."""
_HANDLE_RINGS = 18


@dataclass(frozen=True)
class Handle:
    """A tube in the plane y = 0, on the +x side."""

    low_m: float
    """Height of its lower root's middle."""
    high_m: float
    """Height of its upper root's middle."""
    reach_m: float
    """How far its middle line stands off the wall."""
    thickness_m: float = 0.010
    width_m: float = 0.016


@dataclass(frozen=True)
class Spout:
    """A lip at the rim, on the -x side."""

    reach_m: float
    depth_m: float
    """How far below the rim it begins."""
    half_angle_rad: float = 0.5


def revolve(
    profile: list[tuple[float, float]], handle: Handle | None = None, spout: Spout | None = None
) -> tuple[Array, Faces, Array]:
    """Vertices `(V, 3)` [m], faces `(F, 3)` and texture coordinates of their corners `(F, 3, 2)`.

    Args:
        profile: `(r, z)` [m] from the axis at the bottom, outside, to the axis inside (or on top).
        handle: Grown out of the outer wall.
        spout: Pressed into the rim.
    """
    outline = _subdivided(np.array(profile))
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
    v = way / way[-1] * (1.0 - HANDLE_STRIP)
    rings = outline[1:-1]
    angle = np.arange(SEGMENTS) * 2.0 * np.pi / SEGMENTS
    lip = np.zeros(SEGMENTS) if spout is None else _lip(rings, angle, spout, float(outline[:, 1].max()))
    radius = rings[:, :1] + lip
    ring_vertices = np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), np.broadcast_to(rings[:, 1:], radius.shape)], axis=-1
    )
    poles = np.array([[0.0, 0.0, outline[0, 1]], [0.0, 0.0, outline[-1, 1]]])
    vertices = np.concatenate([poles, ring_vertices.reshape(-1, 3)])
    quads = np.ones((len(rings) - 1, SEGMENTS), dtype=bool)
    tube: tuple[Array, Faces, Array] | None = None
    if handle is not None:
        tube = _tube(handle, rings, vertices, quads)
    faces, uv = _wall(quads, v)
    if tube is None:
        return vertices, faces, uv
    vertices, faces = np.concatenate([vertices, tube[0]]), np.concatenate([faces, tube[1]])
    used, faces = np.unique(faces, return_inverse=True)  # nothing is left in the middle of a hole
    return vertices[used], faces.reshape(-1, 3), np.concatenate([uv, tube[2]])


def v_of(profile: list[tuple[float, float]], corner: int) -> float:
    """The texture coordinate v at a corner of the profile."""
    steps = np.linalg.norm(np.diff(np.array(profile), axis=0), axis=1)
    return float(steps[:corner].sum() / steps.sum() * (1.0 - HANDLE_STRIP))


def _subdivided(profile: Array) -> Array:
    points = [profile[:1]]
    for first, second in pairwise(profile):
        count = max(1, int(np.ceil(np.linalg.norm(second - first) / _STEP_M)))
        points.append(first + np.arange(1, count + 1)[:, None] / count * (second - first))
    return np.concatenate(points)


def _lip(rings: Array, angle: Array, spout: Spout, top_m: float) -> Array:
    """Added radius `(R, S)`: a smooth bump in angle that fades downwards."""
    off = np.abs(angle - np.pi) / spout.half_angle_rad
    across = np.where(off < 1.0, np.cos(0.5 * np.pi * np.minimum(off, 1.0)) ** 2, 0.0)
    down = np.clip(1.0 - (top_m - rings[:, 1]) / spout.depth_m, 0.0, 1.0) ** 2
    return spout.reach_m * down[:, None] * across


def _vertex(ring: int, segment: int) -> int:
    return 2 + ring * SEGMENTS + segment % SEGMENTS


def _wall(quads: npt.NDArray[np.bool_], v: Array) -> tuple[Faces, Array]:
    """Two triangles for each quad that is there, and a fan at each pole."""
    faces, uv = [], []
    last = len(quads)
    for segment in range(SEGMENTS):
        u0, u1 = segment / SEGMENTS, (segment + 1) / SEGMENTS
        faces.append([0, _vertex(0, segment + 1), _vertex(0, segment)])
        uv.append([[(u0 + u1) / 2, v[0]], [u1, v[1]], [u0, v[1]]])
        faces.append([1, _vertex(last, segment), _vertex(last, segment + 1)])
        uv.append([[(u0 + u1) / 2, v[-1]], [u0, v[-2]], [u1, v[-2]]])
    for ring, segment in np.argwhere(quads).tolist():
        a, b = _vertex(ring, segment), _vertex(ring, segment + 1)
        c, d = _vertex(ring + 1, segment), _vertex(ring + 1, segment + 1)
        u0, u1, v0, v1 = segment / SEGMENTS, (segment + 1) / SEGMENTS, v[ring + 1], v[ring + 2]
        faces += [[a, b, d], [a, d, c]]
        uv += [[[u0, v0], [u1, v0], [u1, v1]], [[u0, v0], [u1, v1], [u0, v1]]]
    return np.array(faces), np.array(uv)


def _tube(handle: Handle, rings: Array, vertices: Array, quads: npt.NDArray[np.bool_]) -> tuple[Array, Faces, Array]:
    """Cut the two holes out of `quads`; return the tube's own vertices, its faces and their coordinates."""
    outer = int(np.argmax(rings[:, 1]))  # the rings before the rim are those of the outer wall
    roots = []
    for height in (handle.low_m, handle.high_m):
        row = int(np.argmin(np.abs(rings[:outer, 1] - height))) - 1
        columns = (-2, -1, 0, 1)
        for step in range(2):
            quads[row + step, list(columns)] = False
        edge = [_vertex(row, s) for s in (-2, -1, 0, 1, 2)] + [_vertex(row + 1, 2)]
        edge += [_vertex(row + 2, s) for s in (2, 1, 0, -1, -2)] + [_vertex(row + 1, -2)]
        roots.append(edge)
    # Seen from outside a hole's edge runs anticlockwise; the far end of the tube is turned over.
    first, last = roots[0], [roots[1][k] for k in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11)]
    middles = vertices[first].mean(axis=0), vertices[last].mean(axis=0)
    turn = np.pi * np.arange(1, _HANDLE_RINGS + 1) / (_HANDLE_RINGS + 1)
    height = 0.5 * (middles[0][2] + middles[1][2]) - 0.5 * (middles[1][2] - middles[0][2]) * np.cos(turn)
    base = middles[0][0] + (height - middles[0][2]) / (middles[1][2] - middles[0][2]) * (middles[1][0] - middles[0][0])
    # A D: its middle line leaves the wall at once and runs straight for most of its height.
    line = np.stack([base + handle.reach_m * np.sin(turn) ** 0.6, np.zeros_like(turn), height], axis=1)
    along = np.gradient(np.vstack([middles[0], line, middles[1]]), axis=0)[1:-1]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    outward = np.cross([0.0, 1.0, 0.0], along)  # away from the bend's inside at every ring
    start = vertices[first] - middles[0]
    place = np.arctan2(-start[:, 2] / np.abs(start[:, 2]).max(), start[:, 1] / np.abs(start[:, 1]).max())
    circle = np.stack([np.cos(place) * handle.width_m / 2, np.sin(place) * handle.thickness_m / 2])
    own = line[:, None] + circle[0][:, None] * [0.0, 1.0, 0.0] + circle[1][:, None] * outward[:, None]
    count = len(first)
    numbers = [first] + [(len(vertices) + count * r + np.arange(count)).tolist() for r in range(len(line))] + [last]
    faces, uv = [], []
    for ring, (one, two) in enumerate(pairwise(numbers)):
        u0, u1 = (np.array([ring, ring + 1]) + 0.5) / (len(line) + 2)
        for k in range(count):
            a, b, c, d = one[k], one[(k + 1) % count], two[k], two[(k + 1) % count]
            faces += [[a, b, d], [a, d, c]]
            v = 1.0 - HANDLE_STRIP / 2
            uv += [[[u0, v], [u0, v], [u1, v]], [[u0, v], [u1, v], [u1, v]]]
    return own.reshape(-1, 3), np.array(faces), np.array(uv)
