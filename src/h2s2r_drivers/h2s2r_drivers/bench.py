"""What the drivers do in time: `python -m h2s2r_drivers.bench`, or `make bench-drivers`; `--seconds 600` in full.

FRI answers over UDP between two processes, with SCHED_FIFO and without, alone and beside a process that computes as
policy and controller do; the Allegro's cycle over a CAN bus between processes; the codec by itself. Latency counts from
the packet's arrival in the kernel to the answer's departure, the round trip from the controller's clock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.driver import AllegroDriver
from h2s2r_drivers.allegro.loop import HandLoop
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.cycle_clock import CycleClock
from h2s2r_drivers.cycle_statistics import CycleReport
from h2s2r_drivers.fault_matrix.arm_rows import sway
from h2s2r_drivers.fault_matrix.hand_rows import close_slowly
from h2s2r_drivers.figures import Figure, publish_figures
from h2s2r_drivers.fri import messages
from h2s2r_drivers.fri.client import ClientConfiguration, FriClient
from h2s2r_drivers.fri.driver import IiwaDriver
from h2s2r_drivers.fri.emulator.controller import EmulatedController
from h2s2r_drivers.realtime import PRIORITY, take_priority_beside, uncollected

_BURDEN = "import numpy as np\na = np.random.rand(256, 256)\nwhile True:\n    a = np.tanh(a @ a)\n"
"""A process that computes without end, one for each core."""


def codec() -> dict[str, Figure]:
    """Median times of the codec."""
    data = EmulatedController().send()
    message = messages.decode_monitoring(data)
    command = messages.CommandMessage(1, 1, message.measured_position)
    answer = messages.encode_command(command)
    return {
        "decode_monitoring_us": _median_us(lambda: messages.decode_monitoring(data)),
        "encode_command_us": _median_us(lambda: messages.encode_command(command)),
        "decode_command_us": _median_us(lambda: messages.decode_command(answer)),
        "encode_monitoring_us": _median_us(lambda: messages.encode_monitoring(message)),
        "monitoring_bytes": len(data),
    }


def arm(seconds: float, priority: int) -> tuple[CycleReport, str, int]:
    """FRI against an emulator in another process, moving all the time.

    Returns:
        The account, what the scheduler gave, and how often the session left commanding or the guard latched.
    """
    clock = CycleClock(0.005)
    audit = AuditLog(None, "iiwa")
    driver = IiwaDriver(audit, clock=lambda message, cycles: clock.advance(cycles))
    client = FriClient(driver, ClientConfiguration("127.0.0.1", "127.0.0.1", 0, priority))
    emulator = [sys.executable, "-m", "h2s2r_drivers.fri.emulator", "--port", str(client.port)]
    with _process(emulator):
        client.start()
        take_priority_beside(priority)
        from_ns: int | None = None
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(1.0 / 60.0)
            if driver.is_commanding and driver.state is not None:
                stamp_ns = driver.state.stamp_ns
                from_ns = stamp_ns if from_ns is None else from_ns
                driver.pursue(*sway((stamp_ns - from_ns) * 1e-9, stamp_ns))
            elif driver.path.latched is not None:
                from_ns = None
                driver.recover()
        report, scheduling = client.report, client.scheduling
        client.stop()
    return report, scheduling, len(audit.interventions)


def hand(seconds: float, priority: int) -> CycleReport:
    """The Allegro's loop against an emulator in another process."""
    channel = f"239.74.163.5:{33_000 + os.getpid() % 1000}"
    driver = AllegroDriver(AuditLog(None, "allegro"))
    emulator = [sys.executable, "-m", "h2s2r_drivers.allegro.emulator", "--channel", channel]
    with _process(emulator), HandLoop(driver, open_bus("udp_multicast", channel), priority) as loop:
        take_priority_beside(priority)
        from_ns: int | None = None
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(1.0 / 60.0)
            if driver.is_commanding and driver.state is not None:
                stamp_ns = driver.state.stamp_ns
                from_ns = stamp_ns if from_ns is None else from_ns
                driver.pursue(*close_slowly((stamp_ns - from_ns) * 1e-9, stamp_ns))
        return loop.report


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the FRI run with SCHED_FIFO; others a quarter")
    parser.add_argument("--output", type=Path, default=Path("build/bench/drivers.json"))
    arguments = parser.parse_args()
    figures = codec()
    with uncollected():
        for name, priority, burden, share in (
            ("fri_fifo", PRIORITY, False, 1.0),
            ("fri_other", 0, False, 0.25),
            ("fri_fifo_busy", PRIORITY, True, 0.25),
            ("fri_other_busy", 0, True, 0.25),
        ):
            with _burden(burden):
                report, scheduling, interventions = arm(share * arguments.seconds, priority)
            figures |= _figures(name, report)
            figures |= {f"{name}_scheduling": scheduling, f"{name}_interventions": interventions}
        for name, priority in (("allegro_fifo", PRIORITY), ("allegro_other", 0)):
            figures |= _figures(name, hand(0.25 * arguments.seconds, priority))
    figures["load_average"] = os.getloadavg()[0]
    publish_figures(figures, arguments.output)


def _figures(name: str, report: CycleReport) -> dict[str, Figure]:
    return {
        f"{name}_cycles": report.cycles,
        f"{name}_in_cycle_fraction": report.in_cycle_fraction,
        f"{name}_latency_ms_p50": report.latency_ms_p50,
        f"{name}_latency_ms_p99": report.latency_ms_p99,
        f"{name}_latency_ms_max": report.latency_ms_max,
        f"{name}_rate_hz": report.rate_hz,
    }


def _median_us(call: Callable[[], object]) -> float:
    times = []
    for _ in range(2000):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1e6 * float(np.median(times))


@contextmanager
def _process(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _burden(wanted: bool) -> Iterator[None]:
    count = (os.cpu_count() or 1) if wanted else 0
    processes = [subprocess.Popen([sys.executable, "-c", _BURDEN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
