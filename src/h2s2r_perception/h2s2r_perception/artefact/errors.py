"""The one error a user's input can cause, always with the same five facts."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """Something the user gave is unusable.

    The command line prints the message as one line and exits with code 2.

    Args:
        source: The file or folder (or topic) at fault.
        field: Which part of it.
        found: What was there.
        expected: What should have been there.
        remedy: What the user can do about it.
    """

    def __init__(self, source: Path | str, field: str, *, found: str, expected: str, remedy: str) -> None:
        self.source = str(source)
        self.field = field
        self.found = found
        self.expected = expected
        self.remedy = remedy
        message = f"{source}: {field}: expected {expected}, found {found}; {remedy}"
        super().__init__(" ".join(message.split()))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when the error crosses a process border."""
        return (_rebuild, (self.source, self.field, self.found, self.expected, self.remedy))


def _rebuild(source: str, field: str, found: str, expected: str, remedy: str) -> InputError:
    return InputError(source, field, found=found, expected=expected, remedy=remedy)
