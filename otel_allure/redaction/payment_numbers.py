"""Numbers of cards and accounts: by their check digits, and by what makes them those of an issuer.

One in ten numbers passes a card's check by chance, and one in four begins as a card does. So digits
that are not written in groups are a card's only where something near says so: a name, a brand, an
expiry date. An IBAN needs nothing near it: country, length and check digits are right by chance in
one of some ten thousand that look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_uppercase, digits

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.places import Place

# The digits that a number begins with, from and to, and its lengths.
_ISSUERS = (
    ("visa", 4, 4, (13, 16, 19)),
    ("mastercard", 51, 55, (16,)),
    ("mastercard", 2221, 2720, (16,)),
    ("american express", 34, 34, (15,)),
    ("american express", 37, 37, (15,)),
    ("diners club", 300, 305, (14, 16)),
    ("diners club", 36, 36, (14, 16)),
    ("diners club", 38, 39, (14, 16)),
    ("discover", 6011, 6011, (16, 19)),
    ("discover", 644, 649, (16, 19)),
    ("discover", 65, 65, (16, 19)),
    ("jcb", 3528, 3589, (16, 19)),
    ("unionpay", 62, 62, (16, 17, 18, 19)),
    ("maestro", 5018, 5020, (12, 13, 14, 15, 16, 17, 18, 19)),
    ("maestro", 6304, 6304, (16, 17, 18, 19)),
    ("maestro", 6759, 6763, (16, 17, 18, 19)),
    ("mir", 2200, 2204, (16,)),
)
_GROUPS = {13: (), 14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4), 19: (4, 4, 4, 4, 3)}

_START = lazy(
    r"[A-Z2-6](?<![\w.].)(?:(?<=[2-6])[0-9]{3}[ -]?[0-9]{4}|(?<=[A-Z])[A-Z][0-9]{2} ?[A-Z0-9]{4})"
)
"""How each of them begins."""
_CLASSES = bytes.maketrans(
    f"{digits}{ascii_uppercase}".encode(), b"0" * len(digits) + b"A" * len(ascii_uppercase)
)
_BEGINNINGS = (b"00000000", b"0000 0000", b"0000-0000", b"AA00")
"""What it begins with, if each digit is a 0, and each capital an A."""
_DIGITS = lazy(r"[2-6](?<!\+.)(?<!\d[ -].)\d{3}(?:[ -]?\d){8,15}(?!\w|\.\d|[ -]\d)", re.ASCII)
_GROUP = lazy(r"\d+")
_NEAR = lazy(
    r"(?<![a-z])(?:(?:credit|debit|bank|payment)?[ _-]?cards?|cc|pan|visa|master ?card|amex|"
    r"american express|discover|diners|jcb|maestro|unionpay|cvv2?|cvc2?|csc|kreditkarte"
    r")(?![a-z])"
    r"|card[ _-]?(?:number|no|num|nr)(?![a-z])"
    r"|(?:pay|paid|paying|charge|charged)(?: [^\s]{1,20}){0,3} (?:with|by|using|to|on)(?![a-z])"
    r"|exp[a-z_]{0,12}[\\'\":= ]{1,6}\d\d?[/-]\d\d",
    re.IGNORECASE,
)
_BEFORE, _BEHIND = 60, 40
_CODE = lazy(
    r"(?<![a-z])(?:cvv2?|cvc2?|cvn|csc|security[ _-]?code|card[ _-]?code)"
    r"[\\'\"]{0,4}(?:[ \t]{0,3}[:=][ \t]{0,3}|[ \t]{1,3})[\\'\"]{0,4}(?P<secret>\d{3,4})(?![\w.-])",
    re.IGNORECASE,
)
_NEAR_A_CARD = 120

_IBAN = lazy(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.ASCII)
_COUNTRIES = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
_LENGTHS = {country[:2]: int(country[2:]) for country in _COUNTRIES.split()}


def payment_numbers(text: str) -> list[Place]:
    """Return the places of the numbers of cards, their codes, and IBANs."""
    classes = text.encode("ascii", "replace").translate(_CLASSES)
    if not any(map(classes.__contains__, _BEGINNINGS)):
        return []
    found: list[Place] = []
    for start in _START.finditer(text):
        place = _iban(text, start.start()) if start[0][0].isalpha() else _card(text, start.start())
        found += [place] if place else []
    return [*found, *_codes(text, found)] if found else found


def _card(text: str, at: int) -> Place | None:
    match = _DIGITS.match(text, at)
    if match is None:
        return None
    groups = _GROUP.findall(match[0])
    number = "".join(groups)
    is_shown = _is_grouped(groups, match[0]) or (len(groups) == 1 and _is_said(text, match))
    if is_card(number) and len(set(number)) > 1 and is_shown:
        return Place(*match.span(), "card number")
    return None


def is_card(number: str) -> bool:
    """Whether digits are the number of a card: an issuer's, of its length, with their check."""
    is_issued = any(
        first <= int(number[: len(str(first))]) <= last and len(number) in lengths
        for _, first, last, lengths in _ISSUERS
    )
    return is_issued and _luhn(number) == 0


def _luhn(number: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10


def _is_grouped(groups: list[str], text: str) -> bool:
    """Whether digits are in the groups that are printed on a card, with one sign between them."""
    signs = set(text) - set("0123456789")
    return len(signs) == 1 and tuple(map(len, groups)) == _GROUPS.get(sum(map(len, groups)))


def _is_said(text: str, match: re.Match[str]) -> bool:
    """Whether something near says that this is a card."""
    start, end = match.span()
    line = text.rfind("\n", max(0, start - _BEFORE), start) + 1
    before = text[max(line, start - _BEFORE) : start]
    behind = text[end : end + _BEHIND].partition("\n")[0]
    return _NEAR.search(before) is not None or _NEAR.search(behind) is not None


def _codes(text: str, cards: list[Place]) -> Iterator[Place]:
    """Yield the codes near to cards."""
    for card in cards:
        if card.rule == "card number":
            near = max(0, card.start - _NEAR_A_CARD), card.end + _NEAR_A_CARD
            for match in _CODE.finditer(text, *near):
                yield Place(*match.span("secret"), "card code")


def _iban(text: str, at: int) -> Place | None:
    match = _IBAN.match(text, at)
    length = _LENGTHS.get(match[0][:2]) if match else None
    if match is None or length is None:
        return None
    end, count = match.start(), 0
    while count < length and end < match.end():
        count += text[end] != " "
        end += 1
    is_whole = count == length and not text[end : end + 1].isalnum()
    if is_whole and _is_iban(text[at:end].replace(" ", "")):
        return Place(at, end, "iban")
    return None


def _is_iban(number: str) -> bool:
    digits = "".join(str(int(character, 36)) for character in number[4:] + number[:4])
    return int(digits) % 97 == 1
