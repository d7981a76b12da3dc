"""A hook of MkDocs: links of pages to other files of the repository lead to its host.

So the same link works where the repository is browsed, and on the site.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"\]\((?!https?:|#)([^)\s#]+)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the text of a page, with absolute links to what is outside of `docs`."""
    folder = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, found[1]))
        if not path.startswith("../"):
            return found[0]
        return f"]({config.extra['repository']}/blob/main/{path[3:]}"

    return LINK.sub(link, markdown)
