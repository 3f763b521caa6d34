"""The real-time client on a real UDP socket against the emulated controller."""

import socket
import threading
import time

import numpy as np
import pytest

from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.fri.client import ClientConfiguration, FriClient
from h2s2r_drivers.fri.driver import IiwaDriver
from h2s2r_drivers.fri.emulator.controller import ControllerConfiguration, EmulatedController
from h2s2r_drivers.fri.emulator.server import EmulatorServer
from h2s2r_drivers.fri.messages import SessionState

LOOPBACK = ClientConfiguration(controller_address="127.0.0.1", bind_address="127.0.0.1", port=0)
# A loaded machine misses cycles; what is tested here is the wire and the threads, not the scheduler.
PATIENT = ControllerConfiguration(
    quality_bounds=(0.0, 0.05, 0.99), missed_in_a_row=1000, velocity_factor=100.0, acceleration_factor=1000.0
)


def wait_for(condition, limit_s=20.0):
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "did not come true"
        time.sleep(0.01)


@pytest.fixture
def cell():
    client = FriClient(IiwaDriver(AuditLog(None, "iiwa")), LOOPBACK)
    controller = EmulatedController(PATIENT)
    server = EmulatorServer(controller, ("127.0.0.1", client.port))
    thread = threading.Thread(target=server.run)
    client.start()
    thread.start()
    try:
        yield client, controller, server
    finally:
        server.stop()
        thread.join()
        server.close()
        client.stop(0.5)


def test_it_answers_commands_and_leaves_in_order(cell):
    client, controller, server = cell
    controller.request_commanding()
    wait_for(lambda: client.driver.is_commanding)
    start, started_s = controller.commanded, time.monotonic()
    while (t := time.monotonic() - started_s) < 0.5:
        client.driver.pursue(client.driver.state.stamp_ns, start + 0.05 * (1 - np.cos(3 * t)))
        time.sleep(1 / 60)
    assert np.abs(controller.commanded - start).max() > 0.01
    assert controller.tripped is None
    assert client.report.cycles > 50
    assert client.report.latency_ms_p50 < 5.0
    assert server.round_trip.report().cycles > 50
    assert client.stop(), "at rest"
    assert controller.tripped is None
    assert client.error is None


def test_datagrams_from_another_address_are_not_looked_at(cell):
    client = cell[0]
    wait_for(lambda: client.session.state is not SessionState.IDLE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(EmulatedController().send(), ("127.0.0.1", client.port))
        wait_for(lambda: client.foreign == 1)
    assert client.session.refused == {}


def test_a_controller_that_falls_silent_latches_the_driver(cell):
    client, controller, server = cell
    controller.request_commanding()
    wait_for(lambda: client.driver.is_commanding)
    server.stop()
    wait_for(lambda: client.session.state is SessionState.IDLE)
    assert client.driver.path.latched.limit == "controller silent"


def test_a_port_that_is_taken_is_said_in_one_line():
    first = FriClient(IiwaDriver(AuditLog(None, "iiwa")), LOOPBACK)
    try:
        taken = ClientConfiguration(bind_address="127.0.0.1", port=first.port)
        with pytest.raises(DriverError, match="another driver"):
            FriClient(IiwaDriver(AuditLog(None, "iiwa")), taken)
    finally:
        first.stop(0.1)
