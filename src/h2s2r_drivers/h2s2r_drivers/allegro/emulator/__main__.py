"""An emulated Allegro hand for a driver in another process: `python -m h2s2r_drivers.allegro.emulator`."""

from __future__ import annotations

import argparse
import signal
import sys

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.emulator.hand import EmulatedHand, HandConfiguration
from h2s2r_drivers.allegro.emulator.server import HandServer
from h2s2r_drivers.allegro.models import MODELS
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.realtime import PRIORITY, take_priority, uncollected


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--interface", default="udp_multicast", help="of python-can: socketcan, udp_multicast, ...")
    parser.add_argument("--channel", default="239.74.163.2", help="can0, or a multicast group with :port")
    parser.add_argument("--model", choices=tuple(MODELS), default="v4", help="version of the hand")
    parser.add_argument("--loss", type=float, default=0.0, help="chance of each frame of the hand to be lost")
    parser.add_argument("--temperature", type=int, default=35, help="degrees Celsius it says it has")
    parser.add_argument("--seed", type=int, default=0, help="of the losses")
    arguments = parser.parse_args()
    hand = EmulatedHand(HandConfiguration(MODELS[arguments.model], seed=arguments.seed))
    hand.faults.loss, hand.faults.temperature_c = arguments.loss, arguments.temperature
    try:
        server = HandServer(hand, open_bus(arguments.interface, arguments.channel))
    except DriverError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"emulated Allegro on {arguments.interface}:{arguments.channel}; {take_priority(PRIORITY)}", flush=True)
    with uncollected():
        server.run()
    server.close()
    print(f"servos {'ON' if hand.servo_on else 'off'} at the end, {hand.answered_cycles} cycles answered", flush=True)
    sys.exit(1 if hand.servo_on else 0)


if __name__ == "__main__":
    main()
