"""Tokens that are known by their form: those that services issue."""

from __future__ import annotations

import re
from collections.abc import Iterator


def _issued(after: str, *starts: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    for start in starts:
        found = rf"(?<![\w-])(?P<secret>{re.escape(start)}{after})(?![\w-])"
        yield start, re.compile(found, re.ASCII)


_SOME_DIGIT = r"(?=[\w-]*\d)"
_RANDOM = r"(?=[\w-]*[A-Za-z0-9]{12})"  # `sk-fading-circle-1` is a class of style sheets
ISSUED = (
    ("A", tuple(_issued(r"[0-9A-Z]{16}", "AKIA", "ASIA", "ABIA", "ACCA"))),  # AWS
    ("AIza", tuple(_issued(r"[\w-]{30,}", "AIza"))),  # Google
    ("SK", tuple(_issued(r"[0-9a-f]{32}", "SK"))),  # Twilio
    (
        "_",
        (
            *_issued(r"\w{16,}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            *_issued(
                r"\w{10,}", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"
            ),  # Stripe
            *_issued(r"[A-Za-z0-9]{20,}", "npm_", "hf_", "dop_v1_"),  # Hugging Face, DigitalOcean
            *_issued(r"[\w-]{16,}", "dckr_pat_", "shpat_", "sntrys_", "lin_api_"),
        ),
    ),
    (
        "-",
        (
            *_issued(rf"{_SOME_DIGIT}{_RANDOM}[\w-]{{20,}}", "sk-"),  # OpenAI, Anthropic
            *_issued(
                r"[\w-]{16,}",
                *("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-"),
            ),
            *_issued(
                r"[\w-]{10,}",
                *("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"),  # Slack
                *("GOCSPX-", "PMAK-", "AGE-SECRET-KEY-"),
            ),
            *_issued(r"[\w-]{20,}", "pypi-Ag"),
            (
                "-----BEGIN ",
                re.compile(
                    r"(?P<secret>-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
                    r"(?:[^-]|-(?!----))*(?:-----END [A-Z0-9 ]{0,40}-----)?)"
                ),
            ),
        ),
    ),
    (
        ".",
        (
            *_issued(r"[\w-]{6,}\.[\w-]{6,}\.[\w-]*", "eyJ"),  # JWT
            *_issued(r"[\w-]{10,}", "ya29.", "hvs.", "hvb."),  # Google, Vault
            *_issued(r"[\w-]{16,}\.[\w-]{16,}", "SG."),  # SendGrid
            (
                "hooks.slack.com/services/",
                re.compile(r"hooks\.slack\.com/services/(?P<secret>[\w/]+)"),
            ),
        ),
    ),
)
"""What issuers made to be told by its form, by a character without which there is none of them."""
