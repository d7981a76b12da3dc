"""What issuers made is masked wherever it stands, and what looks like it is not."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from otel_allure.redaction import issued_tokens
from otel_allure.redaction.issued_tokens import TOKENS
from otel_allure.redaction.places import Place
from otel_allure.redaction.redaction import MASK, Redaction
from tests.issued import FORMS, documented, issued, made

REDACTION = Redaction()
EXAMPLES = issued()


def tokens_in(text: str) -> list[Place]:
    """Return what is found of all formats, whatever else a text has."""
    return issued_tokens.find(text, issued_tokens.NEEDLES)


def test_each_row_has_an_example_and_a_source():
    assert {token.rule for token in TOKENS} == FORMS.keys()
    assert len(FORMS) > 80
    for token in TOKENS:
        assert token.source.startswith("https://")
        texts = [example.text for example in EXAMPLES if example.rule == token.rule]
        assert any(mark in text for mark in token.marks for text in texts), token


_ALONE = {token.rule for token in TOKENS if token.alone}


def test_the_documentation_has_the_table():
    """`python -m tests.issued` prints it."""
    page = Path(__file__).parent.parent.joinpath("docs", "secrets.md").read_text()
    assert "\n".join(documented()) in page


AROUND = (
    "{}",
    "got {} back",
    "got {}.",
    "'{}'",
    "({}),",
    "first line\n{}\nlast line",
    "first line\\n{}\\nlast line",
    "https://example.com/a?x={}&y=1",
    "https://example.com/a?x%3D{}%26y",
    "test_it[bob-{}]",
    '{{"note": "{}"}}',
    "<td>{}</td>",
)


@pytest.mark.parametrize("around", AROUND)
def test_tokens_are_masked_wherever_they_stand(around):
    """And what is around them stays."""
    before, after = around.replace("{{", "{").replace("}}", "}").split("{}")
    wrong = []
    for example in EXAMPLES:
        if example.rule == "fastly" and '"' in around:
            continue
        if example.rule in _ALONE and around.startswith("test_it"):
            continue
        masked = REDACTION.text(f"{before}{example.text}{after}")
        if not (
            example.secret not in masked and masked.startswith(before) and masked.endswith(after)
        ):
            wrong.append((example.rule, masked))
    assert wrong == []


def test_whatever_the_random_part_is():
    chance = random.Random(5)
    wrong = []
    for rule, forms in FORMS.items():
        for form in forms:
            examples = [made(rule, form, chance) for _ in range(40)]
            wrong += [e.text for e in examples if e.secret in REDACTION.text(f"got {e.text} back")]
    # A token is asked for a digit, a capital and a small letter where its mark says little.
    assert len(wrong) <= 2, wrong


def test_the_rule_is_told():
    for example in EXAMPLES:
        rules = {place.rule for place in tokens_in(f"got {example.text} back")}
        assert f"{example.rule} token" in rules, example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.rule)
def test_what_is_near_to_a_token_stays(example):
    """Cut off before it is one, and with one letter only, as documentation has it."""
    marks = [mark for token in TOKENS if token.rule == example.rule for mark in token.marks]
    mark = max((mark for mark in [*marks, "eyJ"] if mark in example.text), key=len)
    at = example.text.index(mark) + len(mark)
    if at == len(example.text):
        return  # the mark is at the end
    for text in (f"see {example.text[:at]} there", f"see {mark}... there", f"see {mark}<token>"):
        assert REDACTION.text(text) == text
    if example.rule not in ("fastly", "aws"):
        words = re.sub(r"[A-Za-z0-9]", "x", example.text[at:])
        shown = f"see {example.text[:at]}{words} there"
        if not any(token.before for token in TOKENS if token.rule == example.rule):
            assert tokens_in(shown) == []


HARMLESS = """
4bf92f3577b34da6a3ce929d0e0e4736
00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
550e8400-e29b-41d4-a716-446655440000
user-550e8400-e29b-41d4-a716-446655440000
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==
4b1d3f57a9c0e2d4b6f8091a2b3c4d5e6f708192
commit 4b1d3f57a9c0e2d4b6f8091a2b3c4d5e6f708192a3b4
1234567890:ABCDEF
12:30:45:AA
redis_hash:9f86d081884c7d659a2feaa0c55ad015
etag:9f86d081884c7d659a2feaa0c55ad015
key-9f86d081884c7d659a2feaa0c55ad0
monkey-9f86d081884c7d659a2feaa0c55ad015
task-9f86d081884c7d659a2feaa0c55ad015
test_login_with_a_password_that_is_longer_than_20
tests/test_live_updates_of_the_shop_2024.py::test_sk_live_updates
live_updates_of_the_whole_shop_are_shown_at_once
secret_santa_is_a_game_for_the_whole_company_1
secret_name_of_the_database_in_the_shop
pk_users_id_and_more_columns_of_the_table
hf_hub_download_of_the_model_failed_twice
npm_config_registry_and_other_settings
risk-adjusted-return-on-capital-12345678901234
task-sk-circle-fading-animation-12
sk-fading-circle-1 sk-spinner-pulse
class="sk-cube-grid sk-cube1"
apps.this.is.a.very.long.module.name.of.the.shop
os.path.abspathOfTheThing123
s.someMethodNameOfTheClass1(x)
pat.match(text) sat.down.there
path.joinpath.with_a_name
dp.pt.of_sale
SKIRT SKU12345678 SK-12345678901234567890123456789012
SKU9f86d081884c7d659a2feaa0c55ad015
AKIA is the prefix of an access key
ASIAN markets, AIDAEXAMPLE
AIzawa and LTAIR are names
xoxo, with love
xoxb- is how they begin
eyJ is how they begin; eyJhbGci
eyJhbGciOiJIUzI1NiJ9 is a header
glpat-... or glpat-<token>
ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
sk-XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX
AKIAXXXXXXXXXXXXXXXX
-----BEGIN PUBLIC KEY-----
it starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----
v1.0-beta and v1.0-rc1 of it
API-FIRST-DESIGN API-VERSION-2024
access-production-logs-of-the-day
-us1 is a region, eu-us-east-1
orders-7f9c8d6b5-x2x4z-us1
https://example.com/webhooks/github
https://example.com/api/webhooks/1
Mozilla.Windows.Chromium1234567890123456789012345
Model.object.with_relations_of_every_kind_and_more
Nested.module.and_a_name_that_is_longer_than_27_signs
""".strip().splitlines()


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_token_stays(text):
    assert tokens_in(text) == []
    assert REDACTION.text(f"said: {text}\nand more") == f"said: {text}\nand more"


def test_identifiers_are_no_tokens():
    """Random ones: ids of traces and spans, UUIDs, ULIDs, snowflakes, timestamps, hashes."""
    chance = random.Random(9)
    ulid = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    found = []
    for _ in range(5_000):
        hexes = f"{chance.getrandbits(512):0128x}"
        uuid = "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:32]))
        for text in (
            *(hexes[:16], hexes[:32], hexes[:40], hexes[:64], hexes, uuid, uuid.upper()),
            *(f"00-{hexes[:32]}-{hexes[32:48]}-01", f"{uuid}.json", f"order-{uuid}", f"a_{uuid}"),
            "01" + "".join(chance.choices(ulid, k=24)),
            str(chance.randrange(10**17, 10**19)),
            f"test_it[{uuid}-{hexes[:8]}]",
            f"web-{hexes[:10]}-{''.join(chance.choices('bcdfghjklmnpqrstvwxz2456789', k=5))}",
        ):
            found += [(text, place.rule) for place in tokens_in(text)]
    assert found == []


# -- private keys

_LINES = [made("", "<b64>", random.Random(n)).text for n in range(6)] + ["Qx7/ab3dK+9z=="]


def _marks(kind="RSA "):
    return f"-----BEGIN {kind}PRIVATE" + " KEY-----", f"-----END {kind}PRIVATE" + " KEY-----"


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\\n", "\\\\n", "\n    ", " ", '\\n" +\n  "'])
def test_private_keys(kind, between):
    """One mask for all of it, however its lines are put together."""
    begin, end = _marks(kind)
    assert REDACTION.text(f"a {between.join([begin, *_LINES, end])} z") == f"a {MASK} z"


@pytest.mark.parametrize(
    "before", ["12:00:01 INFO shop: ", "2026-01-02T12:00:01Z ", "[worker-1] DEBUG ", "> | "]
)
def test_private_keys_that_are_logged_line_by_line(before):
    begin, end = _marks()
    lines = [begin, *_LINES, end]
    text = "".join(f"{before}{line}\n" for line in lines) + f"{before}done 17 of them\n"
    masked = REDACTION.text(text)
    assert not [line for line in _LINES if line in masked]
    assert masked.count(before) >= 2
    assert masked.endswith(f"{before}done 17 of them\n")
    assert REDACTION.text(masked) == masked


def test_private_keys_among_lines_of_others():
    begin, end = _marks()
    lines = ["a {}", *_LINES]
    text = "\n".join(
        [f"INFO {begin}", *(f"INFO {x}\nINFO took 3 ms" for x in lines), f"INFO {end}"]
    )
    masked = REDACTION.text(text)
    assert not [line for line in _LINES if line in masked]
    assert masked.count("INFO took 3 ms") == len(lines)


def test_private_keys_in_lines_of_json():
    begin, end = _marks()
    text = "\n".join(f'{{"level": "info", "message": "{x}"}}' for x in [begin, *_LINES, end])
    masked = REDACTION.text(text)
    assert not [line for line in _LINES if line in masked]
    assert masked.count('{"level": "info", "message": "') == len(_LINES) + 2


def test_private_keys_that_are_cut_off():
    begin, _ = _marks()
    text = "\n".join(["key:", begin, *_LINES[:4]])
    assert REDACTION.text(text) == f"key:\n{MASK}"
    assert REDACTION.text(f"{text}\nand what follows is said\n").endswith("is said\n")


def test_private_keys_with_headers():
    begin, end = _marks()
    headers = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,A1B2C3D4E5F60718", ""]
    assert REDACTION.text("\n".join([begin, *headers, *_LINES, end])) == MASK


def test_private_keys_of_putty():
    text = "\n".join(
        ["PuTTY-User-Key-File-3: ssh-rsa", "Private-Lines: 7", *_LINES, "Private-MAC: a"]
    )
    masked = REDACTION.text(text)
    assert not [line for line in _LINES if line in masked]
    assert masked.startswith("PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 7\n")
    assert masked.endswith("Private-MAC: a")


@pytest.mark.parametrize("body", ["...", "<your key>", "\n...\n", " and it ends with "])
def test_marks_of_private_keys_alone_stay(body):
    begin, end = _marks()
    text = f"it begins with {begin}{body}{end}, and more"
    assert REDACTION.text(text) == text
    text = f"it begins with {begin}\nand so on\nfor many lines"
    assert REDACTION.text(text) == text


def test_private_keys_of_other_dashes():
    begin, end = (
        "---- BEGIN SSH2 ENCRYPTED PRIVATE" + " KEY ----",
        "---- END SSH2 PRIVATE KEY ----",
    )
    assert REDACTION.text("\n".join(["a", begin, *_LINES, end, "b"])) == f"a\n{MASK}\nb"


def test_private_keys_in_a_record_for_each_line(run):
    """By logging: each record is a text of its own, in a step or outside of it."""
    begin, end = _marks()
    done = run(
        f"""
        import allure, logging

        LINES = {[begin, *_LINES, end]!r}

        def test_it():
            for line in LINES:
                logging.getLogger("outside").warning(line)
            with allure.step("step"):
                for line in LINES:
                    logging.getLogger("shop").warning("%s", line)
                logging.getLogger("shop").warning("and more")
        """,
        "--log-level=DEBUG",
        passed=1,
    )
    texts = [path.read_text() for path in done.report.directory.iterdir()]
    assert not [line for line in _LINES for text in texts if line in text]
    assert any("and more" in text for text in texts)
