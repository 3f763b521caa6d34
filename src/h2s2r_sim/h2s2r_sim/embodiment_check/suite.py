"""All checks of an embodiment, and their report as a table, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_sim.embodiment_check import (
    fingertips,
    home,
    inertias,
    kinematics,
    limits,
    palm_frame,
    self_collision,
    servos,
)
from h2s2r_sim.embodiment_check.finding import Finding
from h2s2r_sim.embodiment_check.subject import Subject
from h2s2r_sim.embodiment_check.workspace import Workspace, check_workspace, sample_workspace
from h2s2r_sim.embodiment_check.workspace_picture import draw_workspace

CHECKS: tuple[Callable[[Subject], list[Finding]], ...] = (
    kinematics.check,
    limits.check,
    inertias.check,
    self_collision.check,
    home.check,
    fingertips.check,
    palm_frame.check,
    servos.check,
)
"""In the order of the report; the workspace follows them."""

TABLE_HEIGHT_M = 0.155
"""Upper face of the bundled tasks' table over the robot's base."""


@dataclass(frozen=True, eq=False)
class Report:
    """What the suite found about one embodiment."""

    name: str
    sha256: str
    findings: tuple[Finding, ...]
    workspace: Workspace

    @property
    def failures(self) -> int:
        """How many bounds are not met."""
        return sum(finding.verdict == "FAIL" for finding in self.findings)

    def lines(self) -> list[str]:
        """The table, for a terminal."""
        rows = [(f.verdict, f"{f.check}: {f.what}", f.measured, f.bound) for f in self.findings]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        shown = []
        for row, finding in zip(rows, self.findings, strict=True):
            verdict, what, measured, bound = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            shown.append(f"{verdict}  {what}  {measured}  {bound}".rstrip())
            if finding.detail:
                shown.append(f"      {finding.detail}")
        return shown

    def save(self, folder: Path) -> None:
        """Write `embodiment_check.json` and `workspace.png`.

        Raises:
            InputError: The folder cannot be written to.
        """
        values = {
            "embodiment": self.name,
            "embodiment_sha256": self.sha256,
            "passed": self.failures == 0,
            "reached_table_share": self.workspace.table_share,
            "findings": [asdict(finding) for finding in self.findings],
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "embodiment_check.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
            draw_workspace(self.workspace, self.name, folder / "workspace.png")
        except OSError as error:
            found = error.strerror or str(error)
            raise InputError(
                folder, "folder", found=found, expected="one to write to", remedy="give another --output"
            ) from error


def check_embodiment(embodiment: Embodiment, *, table_height_m: float = TABLE_HEIGHT_M) -> Report:
    """Run every check.

    Raises:
        InputError: The URDF cannot be read at all.
    """
    subject = Subject(embodiment)
    findings = [finding for check in CHECKS for finding in check(subject)]
    workspace = sample_workspace(subject, table_height_m)
    findings += check_workspace(workspace)
    return Report(embodiment.name, embodiment.sha256, tuple(findings), workspace)
