"""The report as one HTML page that needs nothing but itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
from markupsafe import Markup

from stream_filters_client.palette import HUES
from stream_filters_client.report import drawing
from stream_filters_client.report.content import Content
from stream_filters_client.report.figures import Figure
from stream_filters_client.report.panels import Panel

_FOLDER = "stream_filters_client.report"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as the page shows it: one element for each run, None where a run has none."""

    title: str
    elements: Sequence[Markup | None]


def html(content: Content) -> str:
    """The page. The same content gives the same bytes."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resources.files(_FOLDER).joinpath(name).read_text("utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["settings"] = settings
    draw = _Drawing()
    return environment.get_template("page.html.j2").render(
        content=content,
        style=resources.files(_FOLDER).joinpath("page.css").read_text("utf-8"),
        light=_variables({name: hue.light for name, hue in HUES.items()}),
        dark=_variables({name: hue.dark for name, hue in HUES.items()}),
        drawn=draw.figures,
    )


def settings(config: Mapping[str, object]) -> str:
    """Settings in one line."""
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in config.items()
    )


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


class _Drawing:
    """Figures as elements, whose ids are told apart by their number on the page."""

    def __init__(self) -> None:
        self._count = 0

    def figures(self, figures: Sequence[Figure]) -> list[Drawn]:
        return [Drawn(figure.title, [self._element(panel) for panel in figure.panels]) for figure in figures]

    def _element(self, panel: Panel | None) -> Markup | None:
        if panel is None:
            return None
        self._count += 1
        # made by matplotlib, which escapes the text in it
        return Markup(drawing.svg(panel, f"f{self._count}"))  # noqa: S704
