"""What a check has to say about a Recording."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from h2s2r_perception.artefact import InputError


class Severity(enum.Enum):
    """What follows from a finding."""

    NOTE = "note"
    """Worth knowing; results are as good as ever."""
    WARNING = "warning"
    """Results may be worse, or are not what they seem to be."""
    ERROR = "error"
    """Results would be wrong: stop."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, with the facts of an `InputError`."""

    severity: Severity
    field: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, found {self.found}; {self.remedy}"

    def as_error(self, source: Path | str) -> InputError:
        """The error that stops a stage."""
        return InputError(source, self.field, found=self.found, expected=self.expected, remedy=self.remedy)
