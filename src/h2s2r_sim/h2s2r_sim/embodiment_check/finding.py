"""What a check has to say: one measured figure, its bound, and what to do where it is not met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "note", "FAIL"]
"""`note`: unusual, and to be looked at, but nothing that breaks."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    check: str
    what: str
    measured: str
    """The figure with its unit."""
    bound: str
    verdict: Verdict
    detail: str = ""
    """Where it is worst, and the remedy; empty where all is well."""


def at_most(check: str, what: str, value: float, bound: float, unit: str, detail: str) -> Finding:
    """A figure that must not exceed its bound; NaN does not pass."""
    passed = value <= bound
    shown = f"{value:.3g} {unit}".strip()
    return Finding(
        check, what, shown, f"<= {bound:g} {unit}".strip(), "pass" if passed else "FAIL", "" if passed else detail
    )


def at_least(check: str, what: str, value: float, bound: float, unit: str, detail: str) -> Finding:
    """A figure that must reach its bound; NaN does not pass."""
    passed = value >= bound
    shown = f"{value:.3g} {unit}".strip()
    return Finding(
        check, what, shown, f">= {bound:g} {unit}".strip(), "pass" if passed else "FAIL", "" if passed else detail
    )


def none_of(check: str, what: str, offenders: list[str], remedy: str) -> Finding:
    """No element may offend; the first three that do are named."""
    named = ", ".join(offenders[:3]) + (f" and {len(offenders) - 3} more" if len(offenders) > 3 else "")
    verdict: Verdict = "FAIL" if offenders else "pass"
    return Finding(check, what, str(len(offenders)), "0", verdict, f"{named}; {remedy}" if offenders else "")


def noted(finding: Finding) -> Finding:
    """The same finding, as something to look at and not a failure."""
    if finding.verdict != "FAIL":
        return finding
    return Finding(finding.check, finding.what, finding.measured, finding.bound, "note", finding.detail)
