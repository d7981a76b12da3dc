"""Values that are known to be secret are masked however they are written; nothing else is."""

from __future__ import annotations

import base64
import html
import inspect
import json
import os
import random
import string
import textwrap
import time
import traceback
import tracemalloc
from urllib.parse import quote, quote_plus

import pytest

from otel_allure.model.diagnostics import Diagnostics
from otel_allure.recording.variables import Variables
from otel_allure.redaction.known_values import KnownValues
from otel_allure.redaction.redaction import MASK, Redaction

VALUES = [
    "Zq7xW9kP3vT1mB8s",
    "k3y-4711",
    'Zq"7x&W/9k +P<3\\vTü',
    "p%41ss&amp;w0rd",
    "two words, 2 of them!",
    "line one 1\nline two 2\nline three 3",
    "\U0001f511-k3y-4711-\U0001f512",
    "C:\\new\\table9",
]


def _in_base64(value):
    data = value.encode()
    for before in (b"", b"u:", b"user:", b"bob"):
        for after in (b"", b"\n", b" z"):
            yield base64.b64encode(before + data + after).decode()
            yield base64.urlsafe_b64encode(before + data + after).decode()
    yield base64.encodebytes(b"first " * 12 + data + b" last" * 20).decode()
    yield textwrap.fill(base64.b64encode(b"0" * 50 + data * 2).decode(), 64, initial_indent="    ")


def _ways(value):
    in_python = value.encode("unicode_escape").decode()
    yield value
    yield quote(value)
    yield quote(value, safe="")
    yield quote_plus(value)
    yield quote(quote(value, safe=""), safe="")
    yield "".join(f"%{byte:02x}" for byte in value.encode())
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(value))[3:-3]
    yield json.dumps(value).replace("&", "\\u0026").replace("<", "\\u003c")[1:-1]
    yield html.escape(value)
    yield html.escape(json.dumps(value))[6:-6]
    yield "".join(f"&#{ord(character)};" for character in value)
    yield "".join(f"&#x{ord(character):x};" for character in value)
    yield in_python
    yield repr(value)[1:-1]
    units = value.encode("utf-16-be").hex()
    yield "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    yield value.encode().hex()
    yield value.encode().hex().upper()
    yield from _in_base64(value)
    for at in (1, 4, len(value) - 2):
        if value[at].isspace():
            continue  # it could be the indent of the line
        for between in ("\n", "\r\n", "\n    ", "\\\n", "\\\n  ", "\\n", "\\r\\n"):
            yield value[:at] + between + value[at:]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("many", [False, True])
def test_known_values_are_masked_however_they_are_written(value, many):
    redaction = Redaction(known=[value, *(f"other-{n}-value" for n in range(100 if many else 0))])
    wrong = []
    for way in dict.fromkeys(_ways(value)):
        masked = redaction.text(f"it said: {way}, and more")
        if not (
            way not in masked
            and masked.startswith("it said: ")
            and masked.endswith(", and more")
            and MASK in masked
            and redaction.text(masked) == masked
        ):
            wrong.append((way, masked))
    assert wrong == []


def test_what_is_around_stays():
    redaction = Redaction(known=["Zq7xW9kP3vT1mB8s"])
    text = 'a\\tb "c" %20d &amp; e\n{}\nf %41\\u0041\n'
    for way in ("Zq7xW9kP3vT1mB8s", "Zq7xW9%6bP3vT1mB8s", "Zq7xW9\\u006bP3vT1mB8s"):
        assert redaction.text(text.format(way)) == text.format(MASK)
    encoded = base64.b64encode(b"user:Zq7xW9kP3vT1mB8s").decode()
    assert redaction.text(f"x={encoded};y") == f"x=dXNlcjp{MASK};y"


@pytest.mark.parametrize(
    "text",
    [
        "C:\\new\\table9x and \\u0041 %41 &amp; %zz &nothing; \\",
        "100% of them & more\\\n  in the next line\n",
        "a=%E4%FF&b=\\ud83d&#99999999;&#xffffff;\\U99999999",
        "%" * 50 + "&" * 50 + "\\" * 50,
        "Zq7xW9kP3vT1mB8",
        "q7xW9kP3vT1mB8s",
        "Zq7xW9kP 3vT1mB8s",
        "5a71377857396b50337654316d423",
    ],
)
def test_other_texts_stay(text):
    assert Redaction(known=["Zq7xW9kP3vT1mB8s"]).text(text) == text


def test_places_are_where_a_simple_search_finds_them():
    """Whatever the values have in common, and however a text is put together of parts of them."""
    chance = random.Random(4)
    for _ in range(300):
        values = {"".join(chance.choices("ab1", k=chance.randint(8, 30))) for _ in range(20)}
        text = "".join(
            chance.choice([*values, "a", "b1", "1"])[chance.randint(0, 3) :] for _ in range(60)
        )
        expected = set()
        for value in values:
            at = text.find(value)
            while at >= 0:
                expected.add((at, at + len(value)))
                at = text.find(value, at + 1)
        assert set(KnownValues(values).places(text)) >= expected
        found = [text[start:end] for start, end in KnownValues(values).places(text)]
        assert set(found) == {text[start:end] for start, end in expected}


def test_those_that_come_later_are_known_too():
    """Also if each comes alone, and there are many."""
    known = KnownValues(["first-0-value"])
    for number in range(2_000):
        known = KnownValues([f"value-{number}-more"], known)
    depth, each = 0, known
    while each is not None:
        depth, each = depth + 1, each._others
    assert depth < 15
    assert "first-0-value" in known
    assert "value-77-more" in known
    text = "a first-0-value b value-1999-more c value-77-more"
    found = {text[start:end] for start, end in known.places(text)}
    assert found == {"first-0-value", "value-1999-more", "value-77-more"}


def _seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def test_many_that_are_alike_take_no_time():
    """16,000 with equal beginnings, and a text of 1 MB that has these all over."""
    values = [f"equal-beginning-of-them-all-{n:06}-{n * 7919:x}" for n in range(16_000)]
    made: list[KnownValues] = []
    assert _seconds(lambda: made.append(KnownValues(values))) < 4
    (known,) = made
    text = "equal-beginning-of-them-all-000001-" * 30_000 + values[77]
    assert _seconds(lambda: known.places(text)) < 4
    lines = "12:30:45 INFO shop: order 17 of bob took 12 ms\n" * 20_000 + values[78]
    assert _seconds(lambda: known.places(lines)) < 2
    assert known.places(values[5]) == [(0, len(values[5]))]


def test_one_more_is_cheap():
    """Each test may add to what is known."""
    known = KnownValues(f"{n}-of-a-good-many-values" for n in range(16_000))
    tracemalloc.start()
    try:
        KnownValues(["one-more-value-7"], known)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000


@pytest.mark.parametrize(
    "text",
    [
        "%" * 100_000,
        "\\" * 100_000,
        "\\u0041" * 20_000,
        "%41" * 30_000,
        "&#65;" * 20_000,
        "&" * 100_000,
        "\\r" * 50_000,
        "\n\t" * 50_000,
        "&abcdefgh" * 10_000,
        "known-va" * 12_000,
        "==" * 50_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_texts_take_no_time(text):
    redaction = Redaction(known=["known-value-1", *(f"other-{n}-value" for n in range(100))])
    assert _seconds(lambda: redaction.text(text)) < 3


# -- the environment


@pytest.fixture
def learned():
    """Pairs that were set while the test ran."""
    found: list[tuple[str, str]] = []
    end = Variables(lambda name, value: found.append((name, value)), Diagnostics()).follow()
    yield found
    end()


def test_each_way_to_set_a_variable_is_heard(learned, monkeypatch):
    from unittest import mock

    monkeypatch.setenv("A_1", "1")
    with mock.patch.dict(os.environ, {"A_2": "2"}):
        pass
    os.environ["A_3"] = "3"
    os.environ.update(A_4="4")
    os.environ |= {"A_5": "5"}
    os.environ.setdefault("A_6", "6")
    if hasattr(os, "environb"):
        os.environb[b"A_7"] = b"\xff7"
    for number in range(3, 8):
        os.environ.pop(f"A_{number}", None)
    heard = [pair for pair in learned if pair[0].startswith("A_")]
    expected = {(f"A_{n}", f"{n}") for n in range(1, 7)}
    expected |= {("A_7", "\udcff7")} if hasattr(os, "environb") else set()
    assert set(heard) == expected


def test_the_environment_is_what_it_was():
    """Its class, methods and errors too; and afterwards there is nothing left of it."""

    def look():
        kind = type(os.environ)
        method = kind.__setitem__
        with pytest.raises(TypeError) as error:
            os.environ["A_1"] = 1  # type: ignore[assignment]
        frames = {frame.name for frame in traceback.extract_tb(error.value.__traceback__)}
        return (
            *(id(os.environ), kind, id(method), method.__qualname__, method.__module__),
            *(inspect.signature(method), str(error.value), frames, set(vars(kind))),
            *(sorted(vars(os.environ)), os.environ.get("A_1")),
        )

    method = type(os.environ).__setitem__
    before, code = look(), method.__code__
    end = Variables(lambda name, value: None, Diagnostics()).follow()
    assert method.__code__ is not code
    assert look() == before
    end()
    assert look() == before
    assert method.__code__ is code


def test_what_goes_wrong_while_learning_is_told_and_harms_nothing(monkeypatch):
    def learn(name, value):
        raise ValueError("ours")

    diagnostics = Diagnostics()
    end = Variables(learn, diagnostics).follow()
    try:
        monkeypatch.setenv("A_1", "1")
        assert os.environ["A_1"] == "1"
    finally:
        end()
    assert "ours" in str(diagnostics.lines())


def everything_in(directory):
    return b"\n".join(path.read_bytes() for path in directory.iterdir()).decode()


def test_variables_that_tests_set_are_known(run):
    """Also those that are removed before anything is written; and what is weak stays."""
    chance = random.Random(8)
    secrets = [
        "".join(chance.choices(string.ascii_letters + string.digits, k=20)) for _ in range(8)
    ]
    done = run(
        f"""
        import base64, os, pytest
        from unittest import mock
        import allure

        @pytest.fixture(scope="module")
        def account():
            os.environ["SHOP_API_KEY"] = {secrets[0]!r}
            yield
            del os.environ["SHOP_API_KEY"]

        def test_fixture(account):
            print("with", {secrets[0]!r})

        def test_monkeypatch(monkeypatch):
            monkeypatch.setenv("APP_TOKEN", {secrets[1]!r})
            with allure.step("step {secrets[1]}"):
                allure.attach("has {secrets[1]}", name="body")

        def test_removed():
            with mock.patch.dict(os.environ, {{"DB_PASSWORD": {secrets[2]!r}}}):
                said = base64.b64encode(b"bob:" + os.environ["DB_PASSWORD"].encode()).decode()
            print("Basic", "and", said)
            raise ValueError("refused {secrets[2]}")

        def test_url(monkeypatch):
            monkeypatch.setenv("DATABASE", "postgresql://bob:{secrets[3]}@db/shop")
            print("says {secrets[3]}")

        def test_replaced(monkeypatch):
            monkeypatch.setattr(os, "environ", {{"NEW_TOKEN": {secrets[5]!r}}})
            print("has {secrets[5]}")

        def test_replaced_for_a_while():
            with mock.patch.object(os, "environ", {{"NEW_SECRET": {secrets[6]!r}}}):
                allure.attach("has {secrets[6]}", name="body")

        def test_patched():
            with mock.patch.dict(os.environ, {{"ITS_TOKEN": {secrets[7]!r}}}, clear=True):
                print("has {secrets[7]}")

        def test_weak(monkeypatch):
            monkeypatch.setenv("AUTH_TOKEN", "production")
            monkeypatch.setenv("FOLDER", {secrets[4]!r})
            print("in production, {secrets[4]}")
        """,
        passed=7,
        failed=1,
    )
    text = everything_in(done.report.directory)
    assert [secret for secret in secrets if secret in text] == [secrets[4]]
    assert "in production, " in text
    assert base64.b64encode(f"bob:{secrets[2]}".encode()).decode()[8:] not in text
    assert "Masked" in text
