"""Colours and looks of a waterfall."""

from __future__ import annotations

from collections.abc import Sequence

from otel_allure.translation.waterfall.layout import Bar, Form

FONT, SMALL = 11.5, 10.5

COLOURS = 6
# Each at least 3:1 against the background, and all told apart with red, green or blue blindness.
_LOOKS = (
    ("text", "fill", "#1f2328", "#e6e8eb"),
    (".d,.k,.n", "fill", "#59636e", "#a5adb8"),
    (".x text", "fill", "#c81e2b", "#ff7f78"),
    (".x rect", "stroke", "#d1242f", "#ff6b64"),
    (".b", "fill", "#fff", "#1b2129"),
    (".z", "stroke", "#f4f6f8", "#222932"),
    (".o", "fill", "#e7eaee", "#313944"),
    (".g", "stroke", "#d5dae0", "#39424d"),
    (".l", "stroke", "#b4bbc4", "#5b6570"),
    (".p", "stroke", "#0e9384", "#2fd0bc"),
    (".a", "fill", "#0e9384", "#2fd0bc"),
    (".w", "stroke", "#8c959f", "#7d8590"),
    (".y", "fill", "#1f2328", "#e6e8eb"),
    (".s", "fill", "#8c959f", "#7d8590"),
    (".c0", "fill", "#2a44b8", "#3f8bdc"),
    (".c1", "fill", "#c27e00", "#e9a01e"),
    (".c2", "fill", "#258058", "#41b682"),
    (".c3", "fill", "#a03490", "#d893c0"),
    (".c4", "fill", "#7287ff", "#9adfff"),
    (".c5", "fill", "#633900", "#a8743c"),
    (".c6", "fill", "#59636e", "#a5adb8"),
)
_STYLE = "".join(
    (
        f"text{{font:{FONT}px -apple-system,'Segoe UI',Roboto,Arial,sans-serif;white-space:pre}}",
        f".d,.k,.n{{font-size:{SMALL}px}}.d{{font-variant-numeric:tabular-nums}}.h{{font-weight:600}}",
        ".k{text-anchor:middle}.n{text-anchor:end}.u{font-style:italic}",
        ".x rect{stroke-width:1.8}.g,.l,.p,.z,.w{fill:none}.a{opacity:.6}.p{stroke-width:2.5}",
        ".w{stroke-dasharray:3 2}.r>text:first-of-type{clip-path:url(#l)}",
        *(f"{where}{{{what}:{light}}}" for where, what, light, _ in _LOOKS),
        "@media(prefers-color-scheme:dark){",
        *(f"{where}{{{what}:{dark}}}" for where, what, _, dark in _LOOKS),
        "}",
    )
)


def definitions(form: Form) -> str:
    """Return what the drawing refers to: its styles, and what cuts off and fades out."""
    return (
        f"<style>{_STYLE}.z{{stroke-width:{form.row}}}</style><defs>"
        f'<clipPath id="l"><rect width="{form.label_end}" height="9999"/></clipPath>'
        '<linearGradient id="f"><stop offset=".6" stop-color="#fff"/>'
        '<stop offset="1" stop-color="#fff" stop-opacity=".1"/></linearGradient>'
        '<mask id="m" maskContentUnits="objectBoundingBox">'
        '<rect width="1" height="1" fill="url(#f)"/></mask></defs>'
    )


MARKS = {"failed": "✕ ", "broken": "✕ ", "skipped": "- "}
ERRORS = frozenset({"failed", "broken"})
OWN_PROCESS = "test process"


def services_of(bar: Bar) -> list[str]:
    """Return the names of the services that a bar shows."""
    own = [bar.service] if bar.service or not bar.is_step else []
    return own if bar.served is None else [*own, bar.served.service]


def colours_of(bars: Sequence[Bar]) -> dict[str, str]:
    """Return the class of every service: a colour each for the first, one for all others."""
    services = dict.fromkeys(name for bar in bars for name in services_of(bar))
    return {service: f"c{min(i, COLOURS)}" for i, service in enumerate(services)}
