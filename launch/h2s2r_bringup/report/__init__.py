"""The report: one HTML page about one run, and its figures as flat JSON."""

from h2s2r_bringup.report.compose import report_is_current, write_report
from h2s2r_bringup.report.figures import Figures, gather

__all__ = ["Figures", "gather", "report_is_current", "write_report"]
