"""An OpenGL context without a window, on whatever this machine has.

OSMesa and EGL (llvmpipe) render the bundled scene equally fast; OSMesa comes first because it needs
no device node. One process must not mix them. `MUJOCO_GL=egl` (or `osmesa`) overrides the choice.
"""

from __future__ import annotations

import ctypes.util
import os
from typing import Any

from h2s2r_perception.artefact import InputError

_LIBRARIES = {"osmesa": "OSMesa", "egl": "EGL"}


def choose_backend() -> str:
    """`osmesa` or `egl`: the one the environment asks for, otherwise the first whose library loads.

    Raises:
        InputError: Neither library is installed, or `MUJOCO_GL` names another or a missing one.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower() or os.environ.get("PYOPENGL_PLATFORM", "").strip().lower()
    candidates = [asked] if asked else list(_LIBRARIES)
    for backend in candidates:
        if backend in _LIBRARIES and ctypes.util.find_library(_LIBRARIES[backend]):
            return backend
    raise InputError(
        "rendering",
        "OpenGL library",
        found=f"no library for {' or '.join(candidates)}",
        expected="OSMesa (or EGL, with MUJOCO_GL unset or egl)",
        remedy="sudo apt-get install libosmesa6",
    )


def create_gl_context(width: int, height: int) -> Any:
    """A MuJoCo `GLContext` of at least this size [px]; call `make_current()` before and `free()` after use.

    Raises:
        InputError: This machine cannot make one.
    """
    backend = choose_backend()
    # MuJoCo chooses its own backend when it is first imported, perhaps long before anyone renders;
    # its context classes can be had directly at any time.
    os.environ.setdefault("MUJOCO_GL", backend)
    try:
        if backend == "egl":
            from mujoco.egl import GLContext
        else:
            from mujoco.osmesa import GLContext
        context = GLContext(width, height)
        context.make_current()
    except (ImportError, RuntimeError, AttributeError) as error:
        raise InputError(
            "rendering",
            "OpenGL context",
            found=str(error),
            expected=f"a {backend} context",
            remedy="sudo apt-get install libosmesa6, and unset MUJOCO_GL and PYOPENGL_PLATFORM",
        ) from error
    return context
