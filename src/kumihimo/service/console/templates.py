"""The template engine: "package:file" names, strict about missing values, filters for moments and levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from markupsafe import Markup

from kumihimo.base import times
from kumihimo.base.times import JST

LEVEL_KEYS = ("level.0", "level.1", "level.2", "level.3", "level.4")
_SHAPES = {
    "none": '<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2"/>',
    "0": '<circle cx="8" cy="8" r="6"/>',
    "1": '<rect x="2.5" y="2.5" width="11" height="11" rx="1"/>',
    "2": '<path d="M8 1.5 15 14H1z"/>',
    "3": '<path d="M8 .8 15.2 8 8 15.2.8 8z"/>',
    "4": '<path fill-rule="evenodd" d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1zM7 3.5h2v5.8H7zM7 10.7h2v2H7z"/>',
}


class PackageFiles(BaseLoader):
    """Finds "<package>:<file>" in the package's `templates/` folder, in a wheel as well as in a checkout."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's text (jinja2.BaseLoader)."""
        del environment
        package, _, name = template.partition(":")
        if not name or ".." in name or not package.startswith("kumihimo."):
            raise TemplateNotFound(template)
        try:
            source = files(package).joinpath("templates", *name.split("/")).read_text("utf-8")
        except (FileNotFoundError, ModuleNotFoundError) as problem:
            raise TemplateNotFound(template) from problem
        return source, None, None


def as_jst(value: datetime | str | float) -> str:
    """Japan's time as 2024-06-23 14:20, of a datetime, an NGSI-LD date-time text or stored microseconds; with seconds
    where there are any.

    A text that is no date-time is given back as it is, so that a page never fails over one odd value.
    """
    if isinstance(value, str):
        try:
            value = times.parse(value)
        except ValueError:
            return str(value)
    moment = value if isinstance(value, datetime) else times.from_micros(int(value))
    return moment.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def as_minute(value: datetime | float) -> Markup:
    """A `<time>` element of a moment whose seconds say nothing, as 2024-06-23 14:20."""
    moment = value if isinstance(value, datetime) else times.from_micros(int(value))
    return as_time(moment.replace(second=0, microsecond=0))


def as_time(value: datetime | str | float) -> Markup:
    """A `<time>` element in Japan's time; the machine-readable moment stays UTC."""
    shown = as_jst(value)
    if shown == value:
        return Markup("{}").format(shown)
    moment = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        moment = times.parse(value)
    if moment is None:
        moment = times.from_micros(int(value))  # type: ignore[arg-type]  # texts and datetimes are gone here
    return Markup('<time datetime="{}">{}</time>').format(times.text(moment), shown)


def level_badge(t: Callable[[str], str], level: int | None, label: str = "") -> Markup:
    """A level as shape, colour and text: 0 to 4, or None where the gauge has no thresholds."""
    name = "none" if level is None else str(level)
    text = label or t("level.none" if level is None else LEVEL_KEYS[level])
    shape = Markup(_SHAPES[name])  # noqa: S704 - a constant of ours
    svg = Markup('<svg class="km-shape" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>')
    badge = Markup('<span class="km-level km-level-{}">{}<span>{}</span></span>')
    return badge.format(name, svg.format(shape), text)


def make_environment(texts: Mapping[str, Any]) -> Environment:
    """The environment of all rooms' templates; `texts` are values that every template sees."""
    environment = Environment(
        loader=PackageFiles(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["jst"] = as_jst
    environment.filters["time"] = as_time
    environment.filters["minute"] = as_minute
    environment.globals.update(texts)
    return environment
