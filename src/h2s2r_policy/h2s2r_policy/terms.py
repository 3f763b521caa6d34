"""A term: one named part of an observation or action vector, and where it lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One part of a vector: what it is and in which unit, frame and scale."""

    name: str
    size: int
    unit: str
    frame: str
    scale: float
    """The vector holds the physical quantity times this (for actions: the quantity at 1)."""


def slices(terms: Sequence[Term]) -> dict[str, slice]:
    """Where each term lies in the vector."""
    places: dict[str, slice] = {}
    start = 0
    for term in terms:
        places[term.name] = slice(start, start + term.size)
        start += term.size
    return places


def total_size(terms: Sequence[Term]) -> int:
    """Length of the vector."""
    return sum(term.size for term in terms)
