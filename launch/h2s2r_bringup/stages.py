"""The stages of the pipeline: which function makes which artefact from which others.

A stage's package is imported when the stage is asked for, so that the command starts quickly and works
without the parts that other stages need.
"""

from __future__ import annotations

from h2s2r_bringup.pipeline import Stage
from h2s2r_bringup.progress import StageProgress
from h2s2r_bringup.run_folder import RunFolder


def report_stage(run: RunFolder) -> Stage:
    """The HTML page, from whatever artefacts there are."""
    from h2s2r_bringup.report import report_is_current, write_report

    def make(progress: StageProgress) -> None:
        write_report(run, run.path.name)

    return Stage("report", "Writing the report", run.report, lambda: report_is_current(run), make)


def require_run(run: RunFolder) -> None:
    """Refuse a run folder that does not exist.

    Raises:
        InputError: There is none.
    """
    from h2s2r_perception.artefact import InputError

    if not run.path.is_dir():
        raise InputError(
            run.path, "run folder", found="nothing", expected="a run", remedy="make one with `h2s2r demo`, or give --root"
        )
