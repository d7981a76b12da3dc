"""Numbers of cards and IBANs are masked, and numbers of other things are not."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from otel_allure.model.settings import Settings
from otel_allure.redaction.payment_numbers import _LENGTHS, is_card, payment_numbers
from otel_allure.redaction.redaction import MASK, Redaction

REDACTION = Redaction()


def card(start: str, length: int, chance: random.Random) -> str:
    """Return a number with its check digit."""
    body = start + "".join(chance.choices("0123456789", k=length - len(start) - 1))
    (number,) = (f"{body}{digit}" for digit in range(10) if _checked(f"{body}{digit}"))
    return number


def _checked(number: str) -> bool:
    # As ISO 7812 says it: each second digit from the right counts double, its digits added up.
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(number))]
    return sum(sum(map(int, str(value))) for value in doubled) % 10 == 0


def iban(country: str, length: int, chance: random.Random) -> str:
    body = "".join(chance.choices("0123456789", k=length - 4))
    remainder = int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
    return f"{country}{98 - remainder:02}{body}"


_chance = random.Random(6)
CARDS = {
    "Visa": card("4", 16, _chance),
    "Visa, 13": card("4", 13, _chance),
    "Mastercard": card("52", 16, _chance),
    "Mastercard, 2": card("2312", 16, _chance),
    "American Express": card("37", 15, _chance),
    "Diners": card("3601", 14, _chance),
    "Discover": card("6011", 16, _chance),
    "JCB": card("3540", 16, _chance),
    "UnionPay": card("6212", 16, _chance),
    "Maestro": card("6761", 16, _chance),
}


def grouped(number: str, sign: str) -> str:
    sizes = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4)}.get(len(number), (len(number),))
    ends = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    return sign.join(number[a:b] for a, b in pairwise(ends))


@pytest.mark.parametrize("kind", [kind for kind in CARDS if kind != "Visa, 13"])
@pytest.mark.parametrize("sign", [" ", "-"])
def test_cards_in_groups(kind, sign):
    text = f"said {grouped(CARDS[kind], sign)}, and more"
    assert REDACTION.text(text) == f"said {MASK}, and more"


@pytest.mark.parametrize(
    "around",
    [
        "card {}",
        "card_number={}&a=1",
        "'cardNumber': '{}'",
        "creditCard: {}",
        "PAN {} is refused",
        "paid with {}.",
        "visa: {}",
        "CC={};",
        "test_pay[visa-{}]",
        "{} cvv 123",
        "<card>{}</card>",
        "{}, exp 12/29",
        "charged 12.50 EUR to {}",
    ],
)
@pytest.mark.parametrize("kind", CARDS)
def test_cards_where_something_says_so(kind, around):
    masked = REDACTION.text(around.format(CARDS[kind]))
    assert CARDS[kind] not in masked
    assert masked.startswith(around.partition("{}")[0])
    assert REDACTION.text(masked) == masked


def test_codes_beside_cards():
    number = CARDS["Visa"]
    text = f"card={number}&cvc=123&n=5 then cvv: 4711"
    assert REDACTION.text(text) == f"card={MASK}&cvc={MASK}&n=5 then cvv: {MASK}"
    body = {"card": {"number": int(number), "cvv": "987"}, "n": 123}
    masked = json.loads(REDACTION.text(json.dumps(body)))
    assert masked == {"card": {"number": MASK, "cvv": MASK}, "n": 123}


def test_ibans():
    chance = random.Random(7)
    for country, length in _LENGTHS.items():
        number = iban(country, length, chance)
        spaced = " ".join(number[at : at + 4] for at in range(0, length, 4))
        for text in (number, spaced):
            assert REDACTION.text(f"to {text}, now") == f"to {MASK}, now"
            assert REDACTION.text(f"TO {text} IS OK") == f"TO {MASK} IS OK"
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
        assert REDACTION.text(f"to {wrong}, now") == f"to {wrong}, now"
    assert len(_LENGTHS) > 80


@pytest.mark.parametrize(
    "text",
    [
        "order {}",
        "id={}",
        '{{"id": {}}}',
        "trace-{}",
        "a{}b",
        "1.{}",
        "{}.5",
        "discard {} of them",
        "took {} ns",
        "the company's number is {}",
        "payment_id={}",
    ],
)
def test_numbers_of_other_things_stay(text):
    """Also if they pass the check of a card."""
    shown = text.format(CARDS["Visa"])
    assert REDACTION.text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "card 4111 1111 1111 1112",
        "card 0000 0000 0000 0000",
        "card 4444444444444444",
        "card 1234567812345670",
        "card xxxx xxxx xxxx 4242, exp 12/29",
        "card 4242 is charged",
        "cvc: 123 is no card",
        "4096 8192 1024 2048 512",
        "1 4111 1111 1111 1111 2",
        "DE12345678901234567890 and DE",
        "ABCD1234567890123456789",
    ],
)
def test_what_is_near_to_one_stays(text):
    assert payment_numbers(text) == []


def test_random_numbers():
    """How many are taken for a card's by chance, and how few are masked for it."""
    chance = random.Random(8)
    numbers = [f"{chance.randrange(10**15, 10**16)}" for _ in range(6_000)]
    passed = sum(map(_checked, numbers))
    issued = [number for number in numbers if is_card(number)]
    bare = [number for number in numbers if payment_numbers(f"order {number} of bob")]
    in_groups = [number for number in numbers if payment_numbers(f"a {grouped(number, ' ')} b")]
    assert 0.08 < passed / len(numbers) < 0.12
    assert 0.01 < len(issued) / len(numbers) < 0.035
    assert bare == []
    assert in_groups == issued


def test_identifiers_are_none():
    """Ids of traces, UUIDs, snowflakes, timestamps of each unit, hashes."""
    chance = random.Random(9)
    found = []
    for _ in range(6_000):
        hexes = f"{chance.getrandbits(256):064x}"
        uuid = "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:32]))
        now = chance.randrange(10**18, 2 * 10**18)
        texts = [hexes, hexes.upper(), uuid, uuid.upper(), f"00-{hexes[:32]}-{hexes[32:48]}-01"]
        texts += [str(now), str(now // 10**3), str(now // 10**6), f"{now / 10**9:.6f}"]
        texts += [str(chance.randrange(2**53, 2**63)), f"test_it[{chance.getrandbits(60)}]"]
        found += [text for text in texts if payment_numbers(f"id {text} done")]
    assert found == []


def test_it_can_be_switched_off():
    redaction = Redaction(Settings(redact_payment_numbers=False))
    text = f"card {CARDS['Visa']} of {iban('DE', 22, random.Random(1))}"
    assert redaction.text(text) == text
    assert REDACTION.text(text) == f"card {MASK} of {MASK}"
