"""Which engines there are; a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from h2s2r_perception.artefact import InputError

if TYPE_CHECKING:
    from h2s2r_sim.engines.engine import Engine
    from h2s2r_sim.twin import Twin

ENGINES = {"mujoco_cpu": "h2s2r_sim.engines.mujoco_cpu:MujocoCpu"}


def make_engine(name: str, twin: Twin, num_environments: int, *, num_threads: int = 0) -> Engine:
    """Build the engine called `name` for `num_environments` copies of the twin.

    Args:
        name: A key of `ENGINES`.
        twin: The compiled model and its names.
        num_environments: How many simulations run side by side.
        num_threads: Threads that share them; 0 takes every core this process may use.

    Raises:
        InputError: There is no such engine.
    """
    if name not in ENGINES:
        raise InputError(
            "engine", "name", found=name, expected=f"one of {', '.join(ENGINES)}", remedy="correct the profile"
        )
    module, _, kind = ENGINES[name].partition(":")
    build = cast(Callable[..., Any], getattr(import_module(module), kind))
    return cast("Engine", build(twin, num_environments, num_threads=num_threads))
