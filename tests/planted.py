"""Places in which a secret stands, and secrets to plant there.

No secret has an issuer's format: it is the place that tells what it is.

The table is `data/planted.txt`. Each section says which kinds of secrets fit and how they are
written, and has a line for each place: a short name and a template. In it, `§` is the secret, `¶` a
line end, `⇥` a tab, `␛` an escape, and what is in `«»` has to stay: a mask that takes in more than
the value is wrong. A name may be followed by the kinds that fit, if not those of its section.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

SECRETS = {
    "w": "hunter2",
    "r": "Zq7xW9kP3vT1mB8sRcY5",
    "h": "9f86d081884c7d659a2feaa0c55ad015",
    "d": "a7-48_29.13Qx",
    "s": "S3cr!t^pw~9",
    "t": "Vd0pQ2sLr8Yk3hTz",
    "n": "482913",
    "k": "70215533",
    "b": "Gr8 Horse 77!",  # only within quotes, or where a value is all of a line
    "p": "albatross",  # only under the name of a password
    "x": "q9\"Kx'&<;Z7",  # only where there is a way to write it
}
"""By kind: word-like, random, with dashes, with signs, digits, with blanks, a word, with quotes."""

Way = Callable[[str], str]


def as_is(secret: str) -> str:
    return secret


def in_json(secret: str) -> str:
    return json.dumps(secret)[1:-1]


def in_json_in_json(secret: str) -> str:
    return in_json(in_json(secret))


def in_single_quotes(secret: str) -> str:
    return secret.replace("\\", "\\\\").replace("'", "\\'")


def in_xml(secret: str) -> str:
    return html.escape(secret)


def in_url(secret: str) -> str:
    return quote(secret, safe="")


def in_url_in_url(secret: str) -> str:
    return in_url(in_url(secret))


_WAYS = {
    way.__name__: way
    for way in (
        *(as_is, in_json, in_json_in_json, in_single_quotes),
        *(in_xml, in_url, in_url_in_url),
    )
}
_TABLE = Path(__file__).with_name("data") / "planted.txt"


class Place(NamedTuple):
    """A place for a secret."""

    id: str
    template: str
    fits: str
    way: Way
    section: str
    attribute: str = ""
    """The name under which the text stands, if that is what tells."""

    def text(self, secret: str) -> str:
        """Return the text with a secret in it."""
        template = self.template.replace("«", "").replace("»", "")
        return _plain(template).replace("§", self.way(secret))

    @property
    def kept(self) -> list[str]:
        """What has to stay."""
        parts = _plain(self.template).split("«")[1:]
        return [part.partition("»")[0] for part in parts]

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield each secret that fits, and the text with it."""
        for kind in self.fits:
            yield SECRETS[kind], self.text(SECRETS[kind])

    def failures(self, mask: Callable[[str, str], str]) -> list[str]:
        """Return what is wrong with masked texts: a part of the secret is there, or too little.

        Each is tried alone, and among other lines.

        Args:
            mask: is given the name of an attribute, or nothing, and a text.
        """
        wrong: list[str] = []
        for secret, text in self.texts():
            found = self._failure(mask, text, secret, self.kept)
            if found is None and not self.attribute:
                among = f"before\n{text}\nafter\n"
                found = self._failure(mask, among, secret, ["before\n", *self.kept, "\nafter\n"])
            wrong += [found] if found else []
        return wrong

    def _failure(
        self, mask: Callable[[str, str], str], text: str, secret: str, kept: list[str]
    ) -> str | None:
        masked = mask(self.attribute, text)
        if leaks(masked, secret, self.way):
            return f"leaks: {masked}"
        if lost := [part for part in kept if part not in masked]:
            return f"lost {lost}: {masked}"
        if is_json(text) and not is_json(masked):
            return f"no JSON any more: {masked}"
        if (again := mask(self.attribute, masked)) != masked:
            return f"masked again: {again}"
        return None


def _plain(template: str) -> str:
    return template.replace("¶", "\n").replace("⇥", "\t").replace("␛", "\x1b")


def leaks(masked: str, secret: str, way: Way = as_is) -> bool:
    """Whether one half of a secret is still there."""
    for written in {secret, way(secret)}:
        middle = len(written) // 2
        if written[: max(middle, 4)] in masked or written[-max(middle, 4) :] in masked:
            return True
    return False


def is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


def _places() -> Iterator[Place]:
    fits, way, section = "", as_is, ""
    for row in _TABLE.read_text("utf-8").splitlines():
        if row.startswith("#### "):
            section, _, rest = row.removeprefix("#### ").rpartition(": ")
            fits, named = rest.split()
            way = _WAYS[named]
        elif row:
            name, template = row.split(maxsplit=1)
            name, _, own = name.partition("/")
            yield Place(name, template, own or fits, way, section)
    for name in _ATTRIBUTES.split():
        yield Place(f"attribute-{name}", "§", "wrhdsnbp", as_is, "attributes", name)


_ATTRIBUTES = """
password user.password userPassword db.password dbpassword PGPASSWORD passwd pwd pass db_pass
passphrase secret client_secret clientSecret token access_token accessToken refresh_token id_token
api_key apiKey x-api-key private_key accessKey secretAccessKey aws_session_token session_id
sessionId session.id sid auth _auth authorization pin otp sig signature csrf csrf_token xsrf
credentials jwt cookie set-cookie bind_pass encryption_key signingKey
http.request.header.authorization http.request.header.x_api_key http.request.header.cookie
http.response.header.set_cookie rpc.request.metadata.x-token db.query.parameter.password
messaging.message.header.api_key app.user.secret
"""

PLACES = list(_places())
