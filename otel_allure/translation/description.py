"""A picture in a test's description, where Allure 3 shows it without a click. Pure.

Allure 3 draws images of the HTML description; Allure 2 leaves them out, and the text stays. Both
prefer the HTML description to the one in Markdown, which can hold no such image. So the picture
is added to HTML, and to text that is no Markdown but plain; other Markdown is left alone.
"""

from __future__ import annotations

import base64
import html
import inspect
import re

# The picture follows the report's theme, which may differ from that of the operating system.
_PICTURE = """
<p class="waterfall"><img src="data:image/svg+xml;base64,{}" alt="" style="max-width:100%"></p>
<style>
[data-theme=light] .waterfall img {{ color-scheme: light }}
[data-theme=dark] .waterfall img {{ color-scheme: dark }}
</style>
"""
# In Markdown a line break is a space, in Allure 2 as well a break; the HTML says what each shows.
_BREAKS = "<style>p > br { display: none }</style>\n"

_MARKDOWN = re.compile(r"[*_`#\[\]<>|~\\&!]|^(?:[-+=]|\d+[.)]| {4}|\t)|  $", re.MULTILINE)


def with_picture(text: str | None, html_text: str | None, svg: str) -> str | None:
    """Return the HTML description with a picture; None where it can not be added.

    Args:
        text: the description in Markdown.
        html_text: the description in HTML.
        svg: the picture.
    """
    picture = _PICTURE.format(base64.b64encode(svg.encode()).decode())
    if html_text:
        return html_text + picture
    text = inspect.cleandoc(text or "")  # most are docstrings
    if not text:
        return picture
    if _MARKDOWN.search(text):
        return None
    paragraphs = re.split(r"\n\s*\n", html.escape(text))
    return "".join(f"<p>{p.replace(chr(10), '<br>' + chr(10))}</p>\n" for p in paragraphs) + (
        picture + _BREAKS
    )
