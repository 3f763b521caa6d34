"""What most tests of the simulation begin with."""

import pytest

from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_sim.scripted_push import scripted_push
from h2s2r_sim.task import load_task


@pytest.fixture(scope="session")
def task():
    return load_task("snackbox_push")


@pytest.fixture(scope="session")
def embodiment():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="session")
def push_reference(embodiment):
    return scripted_push(embodiment)
