"""What is added to a test's description: what was found, and a picture. Pure.

What its author wrote stays as it is, and comes first.

Allure 3 draws images of the HTML description; Allure 2 leaves them out, and the text stays. Both
prefer the HTML description to the one in Markdown, which can hold no such image. So the picture
is added to HTML, and to text that is no Markdown but plain; other Markdown is left alone.
"""

from __future__ import annotations

import base64
import html
import inspect
import re
from collections.abc import Sequence

# The picture follows the report's theme, which may differ from that of the operating system.
_PICTURE = """
<p class="waterfall"><img class="wide" src="data:image/svg+xml;base64,{}" alt="">\
<img class="narrow" src="data:image/svg+xml;base64,{}" alt=""></p>
<style>
.waterfall img {{ max-width: 100% }}
@media (min-width: 561px) {{ .waterfall .narrow {{ display: none !important }} }}
@media (max-width: 560px) {{ .waterfall .wide {{ display: none !important }} }}
[data-theme=light] .waterfall img {{ color-scheme: light }}
[data-theme=dark] .waterfall img {{ color-scheme: dark }}
</style>
"""
# In Markdown a line break is a space, in Allure 2 as well a break; the HTML says what each shows.
_BREAKS = "<style>p > br { display: none }</style>\n"

_PUNCTUATION = re.compile(r"[\\`*_\[\]<>#|~&!]")
_ESCAPED = r"\\\g<0>"
_MARKDOWN = re.compile(r"[*_`#\[\]<>|~\\&!]|^(?:[-+=]|\d+[.)]| {4}|\t)|  $", re.MULTILINE)


def with_picture(text: str | None, html_text: str | None, svg: str, narrow_svg: str) -> str | None:
    """Return the HTML description with a picture; None where it can not be added.

    Args:
        text: the description in Markdown.
        html_text: the description in HTML.
        svg: the picture.
        narrow_svg: the same for a narrow screen.
    """
    picture = _PICTURE.format(
        *(base64.b64encode(each.encode()).decode() for each in (svg, narrow_svg))
    )
    its_html = html_text or as_html(text)
    if its_html is None:
        return None
    return its_html + picture


def with_findings(
    text: str | None, html_text: str | None, findings: Sequence[tuple[str, str]]
) -> tuple[str | None, str | None]:
    """Return the description in Markdown and in HTML, with a line for each tag and what it says.

    There is one in HTML where there was one, and where the text is no Markdown.
    """
    lines = [f"**{tag}**: {_PUNCTUATION.sub(_ESCAPED, told)}" for tag, told in findings]
    items = [f"<p><b>{tag}</b>: {html.escape(told)}</p>\n" for tag, told in findings]
    its_html = html_text or as_html(text)
    text = "\n\n".join([*([text.rstrip()] if text else []), *lines])
    return text, None if its_html is None else "".join([its_html, *items])


def as_html(text: str | None) -> str | None:
    """Return plain text as HTML, empty if there is none; None if it is Markdown."""
    text = inspect.cleandoc(text or "")  # most are docstrings
    if not text:
        return ""
    if _MARKDOWN.search(text):
        return None
    paragraphs = re.split(r"\n\s*\n", html.escape(text))
    paragraphs = [f"<p>{p.replace(chr(10), '<br>' + chr(10))}</p>\n" for p in paragraphs]
    return "".join([*paragraphs, _BREAKS])
