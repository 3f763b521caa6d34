"""Wonik Allegro through CAN: joint targets from `/joint_command`, joint states to `/allegroHand/joint_states`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.driver import AllegroConfiguration, AllegroDriver
from h2s2r_drivers.allegro.gravity import gravity_torque, read_links
from h2s2r_drivers.allegro.guardian import Guardian
from h2s2r_drivers.allegro.joint_pd import GravityTorque, PdConfiguration
from h2s2r_drivers.allegro.loop import HandLoop
from h2s2r_drivers.allegro.models import JOINT_NAMES, MODELS, model_named
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.cycle_statistics import CycleReport
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.fri.robot import JOINT_NAMES as ARM_JOINT_NAMES
from h2s2r_drivers.nodes.driver_node import DriverNode
from h2s2r_drivers.nodes.parameters import declare, value
from h2s2r_drivers.nodes.run_node import run_node


class Hand:
    """The hand's loop as the node sees it; limp until it follows."""

    def __init__(self, loop: HandLoop, guardian: Guardian | None) -> None:
        self._loop, self._guardian = loop, guardian
        self.start, self.pursue, self.recover = loop.start, loop.driver.pursue, loop.driver.recover
        loop.driver.engage(False)

    @property
    def scheduling(self) -> str:
        """What the thread got from the scheduler."""
        return self._loop.scheduling

    @property
    def report(self) -> CycleReport:
        """Cycles and latencies."""
        return self._loop.report

    @property
    def error(self) -> BaseException | None:
        """What ended the thread, or None."""
        return self._loop.error

    @property
    def latched(self) -> str | None:
        """What stopped the hand, or None."""
        latched = self._loop.driver.path.latched
        return None if latched is None else str(latched)

    @property
    def is_at_rest(self) -> bool:
        """Whether the servos are off."""
        return not self._loop.driver.is_engaged

    def follow(self) -> None:
        """Servos on, follow targets."""
        self._loop.driver.release(False)
        self._loop.driver.engage()

    def rest(self) -> None:
        """Begin to brake; the servos go off when the hand stands."""
        self._loop.driver.release()
        self._loop.driver.engage(False)

    def stop(self) -> None:
        """Brake, servos off, leave the bus."""
        self._loop.stop()
        if self._guardian is not None:
            self._guardian.close()

    def details(self) -> dict[str, float | int | str]:
        """What the hand says of itself."""
        driver = self._loop.driver
        hottest = max(driver.temperature_c.values(), default=0)
        firmware = "unknown" if driver.info is None else f"{driver.info.firmware:#06x}"
        return {
            "servos": "on" if driver.is_engaged else "off",
            "serial": driver.serial,
            "firmware": firmware,
            "hottest_c": hottest,
            "incomplete_cycles": driver.incomplete,
            "refused_frames": self._loop.refused,
        }


class AllegroDriverNode(DriverNode):
    """Lifecycle node of the hand."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("allegro_driver", JOINT_NAMES, ARM_JOINT_NAMES, "/allegroHand/joint_states", **node_arguments)
        pd = PdConfiguration()
        declare(self, "interface", "socketcan", "of python-can: socketcan, udp_multicast, pcan, ...")
        declare(self, "channel", "can0", "of the interface: can0, or a multicast group with :port")
        declare(self, "model", "v4", "version of the hand", choices=tuple(MODELS))
        declare(self, "stiffness_nm_rad", pd.stiffness_nm_rad, "of every joint [Nm/rad]", (0.0, 10.0))
        declare(self, "damping_nm_s_rad", pd.damping_nm_s_rad, "of every joint [Nm s/rad]", (0.0, 1.0))
        declare(self, "hottest_c", 70, "servos go off above this temperature [deg C]", (30, 90))
        silent_s = AllegroConfiguration.silent_after_s
        declare(self, "silent_after_s", silent_s, "servos go off so long after the last frame [s]", (0.01, 10.0))
        declare(self, "gravity_urdf", "", "URDF whose links are held against their weight; empty: none are")
        declare(self, "palm_link", "palm_link", "link of that URDF that the fingers start from")
        for place, axis in enumerate("xyz"):
            default = (0.0, 0.0, 1.0)[place]
            declare(self, f"up_{axis}", default, f"{axis} of the vector against gravity in the palm frame", (-1.0, 1.0))

    def open_machine(self, audit: AuditLog) -> Hand:
        """Open the bus."""
        pd = PdConfiguration(float(value(self, "stiffness_nm_rad")), float(value(self, "damping_nm_s_rad")))
        configuration = AllegroConfiguration(
            model_named(str(value(self, "model"))),
            hottest_c=int(value(self, "hottest_c")),
            silent_after_s=float(value(self, "silent_after_s")),
            pd=pd,
        )
        path = replace(configuration.path, target_timeout_s=float(value(self, "target_timeout_s")))
        driver = AllegroDriver(audit, replace(configuration, path=path), self._gravity())
        interface, channel = str(value(self, "interface")), str(value(self, "channel"))
        bus = open_bus(interface, channel)
        guardian = None if interface == "virtual" else Guardian(interface, channel)
        loop = HandLoop(driver, bus, int(value(self, "priority")), on_cycle=lambda: self._hand_over(driver))
        return Hand(loop, guardian)

    def _gravity(self) -> GravityTorque | None:
        urdf = str(value(self, "gravity_urdf"))
        if not urdf:
            return None
        up = np.array([float(value(self, f"up_{axis}")) for axis in "xyz"])
        if not np.linalg.norm(up) > 0.0:
            raise DriverError("up_x, up_y, up_z are all zero; expected the direction against gravity in the palm frame")
        links = read_links(Path(urdf), str(value(self, "palm_link")), JOINT_NAMES)
        return lambda position: gravity_torque(links, position, up / np.linalg.norm(up))

    def _hand_over(self, driver: AllegroDriver) -> None:
        if driver.state is not None:
            self.on_cycle(driver.state)


def main() -> None:
    """Entry point."""
    run_node(AllegroDriverNode)


if __name__ == "__main__":
    main()
