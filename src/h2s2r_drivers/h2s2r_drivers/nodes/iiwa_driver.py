"""KUKA iiwa through FRI: joint targets from `/joint_command`, joint states to `/lbr/joint_states`."""

from __future__ import annotations

from dataclasses import replace

from h2s2r_drivers.allegro.models import JOINT_NAMES as HAND_JOINT_NAMES
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.cycle_clock import CycleClock
from h2s2r_drivers.cycle_statistics import CycleReport
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.fri.client import ClientConfiguration, FriClient
from h2s2r_drivers.fri.driver import IiwaConfiguration, IiwaDriver
from h2s2r_drivers.fri.messages import CommandMode
from h2s2r_drivers.fri.robot import JOINT_NAMES
from h2s2r_drivers.nodes.driver_node import DriverNode
from h2s2r_drivers.nodes.parameters import declare, value
from h2s2r_drivers.nodes.run_node import run_node

_MODES = {"position": CommandMode.POSITION, "joint_impedance": CommandMode.TORQUE}


class Arm:
    """The FRI client as the node sees it."""

    def __init__(self, client: FriClient) -> None:
        self._client = client
        self.start, self.pursue, self.recover = client.start, client.driver.pursue, client.driver.recover
        client.driver.release()

    @property
    def scheduling(self) -> str:
        """What the thread got from the scheduler."""
        return self._client.scheduling

    @property
    def report(self) -> CycleReport:
        """Cycles and latencies."""
        return self._client.report

    @property
    def error(self) -> BaseException | None:
        """What ended the thread, or None."""
        return self._client.error

    @property
    def latched(self) -> str | None:
        """What stopped the robot, or None."""
        latched = self._client.driver.path.latched
        return None if latched is None else str(latched)

    @property
    def is_at_rest(self) -> bool:
        """Whether the arm stands."""
        return self._client.driver.is_at_rest

    def follow(self) -> None:
        """Follow targets."""
        self._client.driver.release(False)

    def rest(self) -> None:
        """Begin to brake."""
        self._client.driver.release()

    def stop(self) -> None:
        """Brake and leave the wire."""
        self._client.stop()

    def details(self) -> dict[str, float | int | str]:
        """Session, quality, refused datagrams."""
        session = self._client.session
        refused = {f"refused: {kind}": count for kind, count in session.refused.items()}
        quality = "none" if session.last is None else session.last.quality.name
        return {"session": session.state.name, "quality": quality, "foreign": self._client.foreign, **refused}


class IiwaDriverNode(DriverNode):
    """Lifecycle node of the arm."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("iiwa_driver", JOINT_NAMES, HAND_JOINT_NAMES, "/lbr/joint_states", **node_arguments)
        defaults = ClientConfiguration()
        declare(
            self, "controller_address", defaults.controller_address, "IPv4 of the controller; no other is listened to"
        )
        declare(self, "bind_address", defaults.bind_address, "IPv4 of the interface that the controller sends to")
        declare(self, "port", defaults.port, "UDP port that the controller sends to", (1, 65535))
        declare(self, "period_ms", 5, "send period times receive multiplier of the controller [ms]", (1, 20))
        declare(self, "mode", "position", "what the controller's application offers", choices=tuple(_MODES))

    def open_machine(self, audit: AuditLog) -> Arm:
        """Open the UDP port."""
        mode = str(value(self, "mode"))
        if mode not in _MODES:
            raise DriverError(f"mode `{mode}` is not known; expected one of {', '.join(_MODES)}")
        period_s = 1e-3 * int(value(self, "period_ms"))
        path = replace(IiwaConfiguration().path, target_timeout_s=float(value(self, "target_timeout_s")))
        clock: list[CycleClock] = []

        def stamp(message: object, cycles: int) -> int:
            # The send period is known from the first message on; the clock counts send periods.
            if not clock:
                clock.append(CycleClock(message.send_period_s))
            return clock[0].advance(cycles)

        driver = IiwaDriver(audit, IiwaConfiguration(period_s, _MODES[mode], path), clock=stamp)
        wire = ClientConfiguration(
            controller_address=str(value(self, "controller_address")),
            bind_address=str(value(self, "bind_address")),
            port=int(value(self, "port")),
            priority=int(value(self, "priority")),
        )
        return Arm(FriClient(driver, wire, on_cycle=lambda: self._hand_over(driver)))

    def _hand_over(self, driver: IiwaDriver) -> None:
        if driver.state is not None:
            self.on_cycle(driver.state)


def main() -> None:
    """Entry point."""
    run_node(IiwaDriverNode)


if __name__ == "__main__":
    main()
