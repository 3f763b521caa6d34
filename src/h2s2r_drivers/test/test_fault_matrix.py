"""Faults of the wire are held; `python -m h2s2r_drivers.fault_matrix` shows all, here are some of each kind."""

import pytest

from h2s2r_drivers.fault_matrix import arm_rows, fuzz, hand_rows, process_rows
from h2s2r_drivers.fault_matrix.row import table

SHARE = {
    "arm": lambda: arm_rows.rows(5),
    "hand": lambda: hand_rows.rows(2),
    "processes": lambda: process_rows.rows(3),
    "fuzz": lambda: [fuzz.row(1000)],
}


@pytest.mark.parametrize("part", SHARE)
def test_every_fault_is_held_and_nothing_leaves_the_limits(part):
    account = SHARE[part]()
    assert all(row.held and row.in_limits for row in account), table(account)
