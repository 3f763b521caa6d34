"""The report: one HTML page about one run, and its figures as flat JSON."""

from h2s2r_bringup.report.compose import report_is_current, write_report
from h2s2r_bringup.report.figures import Figures, gather
from h2s2r_bringup.report.twin import twin_picture

__all__ = ["Figures", "gather", "report_is_current", "twin_picture", "write_report"]
