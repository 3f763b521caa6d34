"""An emulated iiwa for a driver in another process: `python -m h2s2r_drivers.fri.emulator --port 30200`.

It asks for command mode as soon as the connection is good, as the application on the controller would.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from dataclasses import fields

from h2s2r_drivers.fri.emulator.controller import ControllerConfiguration, EmulatedController
from h2s2r_drivers.fri.emulator.network import NetworkFaults
from h2s2r_drivers.fri.emulator.server import EmulatorServer
from h2s2r_drivers.fri.messages import CommandMode, ControlMode
from h2s2r_drivers.realtime import PRIORITY, take_priority, uncollected


def main() -> None:
    """Entry point."""
    arguments = _parser().parse_args()
    torque = arguments.mode == "torque"
    configuration = ControllerConfiguration(
        send_period_s=1e-3 * arguments.send_period_ms,
        receive_multiplier=arguments.receive_multiplier,
        command_mode=CommandMode.TORQUE if torque else CommandMode.POSITION,
        control_mode=ControlMode.JOINT_IMPEDANCE if torque else ControlMode.POSITION,
    )
    faults = NetworkFaults(**{field.name: getattr(arguments, field.name) for field in fields(NetworkFaults)})
    controller = EmulatedController(configuration)
    controller.request_commanding()
    server = EmulatorServer(controller, (arguments.client, arguments.port), faults, arguments.seed)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"emulated iiwa: speaking to {arguments.client}:{arguments.port}; {take_priority(PRIORITY)}", flush=True)
    ended = threading.Event()
    threading.Thread(target=_tell, args=(controller, ended), daemon=True).start()
    with uncollected():
        server.run()
    ended.set()
    server.close()
    sys.exit(0 if controller.tripped is None else 1)


def _tell(controller: EmulatedController, ended: threading.Event) -> None:
    told: tuple[str, str | None] | None = None
    while not ended.wait(0.1):
        now = (f"{controller.state.name}, quality {controller.quality.name}", controller.tripped)
        if now != told:
            told = now
            print(now[0] + (f", tripped: {now[1]}" if now[1] else ""), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--client", default="127.0.0.1", help="address of the driver")
    parser.add_argument("--port", type=int, default=30200, help="UDP port of the driver")
    parser.add_argument("--send-period-ms", type=int, default=5)
    parser.add_argument("--receive-multiplier", type=int, default=1)
    parser.add_argument("--mode", choices=("position", "torque"), default="position", help="command mode it offers")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    for field in fields(NetworkFaults):
        unit = "seconds" if field.name.endswith("_s") else "chance for each datagram"
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default, help=unit)
    return parser


if __name__ == "__main__":
    main()
