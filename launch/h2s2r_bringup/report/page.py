"""Renders the report: one HTML page that needs nothing outside itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True)
class SuccessRow:
    """Success of one contender with its Wilson 95 % interval."""

    name: str
    rate: float
    low: float
    high: float
    count: int
    ours: bool
    """Drawn in the colour of the policy."""


@dataclass(frozen=True)
class ErrorRow:
    """One measured quantity of one stage."""

    stage: str
    label: str
    value: str


@dataclass(frozen=True)
class TwinSection:
    """The digital twin over the camera's image."""

    url: str
    """A `data:` URL."""
    rows: Sequence[ErrorRow]


@dataclass(frozen=True)
class Picture:
    """A picture with what it shows."""

    url: str
    """A `data:` URL."""
    title: str
    text: str


@dataclass(frozen=True)
class SecondsRow:
    """How long one stage took."""

    stage: str
    percent: float
    """Of the longest stage."""
    text: str


@dataclass(frozen=True)
class Tile:
    """One figure large enough to be read across a room."""

    value: str
    label: str


@dataclass(frozen=True)
class Page:
    """Everything the template shows; an empty entry shows which command makes it."""

    task: str
    summary: str
    fingerprint: str
    """Identifies the artefacts the page was made from."""
    videos: Mapping[str, str] = field(default_factory=dict)
    """`human`, `overlay`, `robot` -> a `data:` URL."""
    human_caption: str = ""
    robot_caption: str = ""
    tiles: Sequence[Tile] = ()
    success: Sequence[SuccessRow] = ()
    success_note: str = ""
    plots: Mapping[str, str] = field(default_factory=dict)
    """`curve`, `path`, `latency` -> SVG."""
    twin: TwinSection | None = None
    hands: Sequence[Picture] = ()
    """The human's hand and the robot's."""
    errors: Sequence[ErrorRow] = ()
    seconds: Sequence[SecondsRow] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)


def render(page: Page) -> str:
    """Fill the template; text is escaped, drawings and styles are not."""
    import jinja2
    from markupsafe import Markup

    here = resources.files(__package__ or "h2s2r_bringup.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((here / "report.html").read_text(encoding="utf-8"))
    style = Markup((here / "report.css").read_text(encoding="utf-8"))  # our own file
    names = ("human", "overlay", "robot")
    return template.render(
        {
            **{name: getattr(page, name) for name in page.__dataclass_fields__},
            "style": style,
            "videos": {name: page.videos.get(name, "") for name in names},
            "plots": {name: page.plots.get(name, "") for name in ("curve", "path", "latency")},
        }
    )
