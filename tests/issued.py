"""Tokens as their issuers make them, with random bodies: none of them is a real one.

A form is what an issuer says: `<A36>` are 36 letters and digits, so there is no token in this file.
"""

from __future__ import annotations

import random
import re
import string
from typing import NamedTuple

from otel_allure.redaction.issued_tokens import TOKENS

_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_letters,
    "L": string.ascii_uppercase + string.digits,
    "l": string.ascii_lowercase + string.digits,
    "B": string.ascii_uppercase + "234567",  # base32
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_-",  # base64 for URLs
    "b": string.ascii_letters + string.digits + "+/",  # base64
    "q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",  # bech32
}

FORMS = {
    "1password": (
        "ops_eyJ<b300>",
        *("A3-<L6>-<L11>-<L5>-<L5>-<L5>", "A3-<L6>-<L6>-<L5>-<L5>-<L5>-<L5>"),
    ),
    "adobe": ("p8e-<l32>",),
    "age": ("AGE-SECRET-KEY-1<q58>",),
    "airtable": ("pat<A14>.<h64>",),
    "aiven": ("AVNS_<w19>",),
    "alibaba": ("LTAI<A20>",),
    "artifactory": ("AKCp<A69>", "cmVmd<A59>"),
    "asana": ("1/<d16>:<h32>", "2/<d16>/<d16>:<h32>"),
    "atlassian": ("ATATT3xFfGF0<w171>=<H8>", "ATCTT3xFfGN0<w171>=<H8>", "ATSTT3xFfG<w100>"),
    "authress": ("sc_<l12>.<l5>.acc_<l12>.<b60>", "authress_<l9>.<l4>.acc-<l10>.<b90>"),
    "aws": (
        *("AKIA<B16>", "ASIA<B16>", "ABIA<B16>", "ACCA<B16>", "A3TX<B16>", "ABSK<b120>"),
        *("IQoJb3JpZ2luX2Vj<b300>==", "FwoGZXIvYXdzE<b300>=", "AKIA<B16>,<b40>"),
        "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb24<A200>",
    ),
    "azure": (
        *("<A3>8Q~<w33>", "<A3>7Q~<w31>"),
        *("<b76>+ASt<b5>A==", "<b76>+ABa<b5>Q==", "<b76>ACDb<b5>g=="),
        *("<b33>+AEh<b5>E=", "<b33>+ASb<b5>I="),
        *("<b33>AzCa<b5>M=", "<b42>+ACR<b6>", "<A42>AzSe<A6>"),
        *("<w44>AzFu<w5>w==", "<A52>JQQJ99<A26>", "<A76>AZDO<A4>"),
    ),
    "bitbucket": ("ATBB<A32>",),
    "brevo": ("xkeysib-<h64>-<A16>", "xsmtpsib-<h64>-<A16>"),
    "buildkite": ("bkua_<h40>", "bkaj_<A60>"),
    "circleci": ("CCIPAT_<A22>_<h40>", "CCIPRJ_<A22>_<h40>"),
    "clickhouse": ("4b1d<A38>",),
    "clojars": ("CLOJARS_<l60>",),
    "cloudflare": ("cfut_<A40><h8>", "cfat_<A40><h8>", "cfk_<A40><h8>", "v1.0-<h24>-<h146>"),
    "contentful": ("CFPAT-<w43>",),
    "databricks": ("dapi<h32>", "dapi<h32>-2", "dose<h32>"),
    "defined networking": ("dnkey-<A26>-<A52>",),
    "digitalocean": ("dop_v1_<h64>", "doo_v1_<h64>", "dor_v1_<h64>"),
    "discord": (
        *("M<A23>.<w6>.<w27>", "N<A25>.<w6>.<w38>", "mfa.<w84>"),
        "https://discord.com/api/webhooks/<d18>/<w68>",
        "https://discordapp.com/api/v10/webhooks/<d19>/<w68>",
    ),
    "docker": ("dckr_pat_<w27>", "dckr_oat_<w32>"),
    "doppler": (
        *("dp.pt.<A43>", "dp.st.dev.<A43>"),
        *("dp.st.prd_eu.<A40>", "dp.scim.<A44>", "dp.audit.<A43>"),
    ),
    "dropbox": ("sl.<w135>", "sl.u.<w150>"),
    "duffel": ("duffel_test_<w43>", "duffel_live_<w43>"),
    "dynatrace": ("dt0c01.<B24>.<B64>", "dt0s01.<B24>.<B64>"),
    "easypost": ("EZAK<A54>", "EZTK<A54>"),
    "elevenlabs": ("sk_<h48>",),
    "facebook": ("EAAM<A150>", "EAAC<A150>", "EAAG<A180>"),
    "fastly": ("Fastly-Key: <w32>", '"fastly-key": "<w32>"'),
    "figma": ("figd_<w40>", "figu_<w40>", "figo_<w40>", "figoh_<w40>"),
    "flutterwave": ("FLWSECK_TEST-<h32>-X", "FLWSECK-<h32>-X", "FLWSECK_TEST-<h12>"),
    "fly": ("fo1_<w43>", "fm1r_<b120>==", "fm1a_<b120>", "fm2_<b150>="),
    "frameio": ("fio-u-<w64>",),
    "github": (
        *("ghp_<A36>", "gho_<A36>", "ghu_<A36>"),
        *("ghs_<A36>", "ghr_<A76>", "github_pat_<A22>_<A59>"),
    ),
    "gitlab": (
        *("glpat-<w20>", "glpat-<w27>.01.<l7>", "glpat-<w27>.01<l7>", "gldt-<w20>", "glrt-<w20>"),
        *("glrt-t1_<w27>.01.<l7>", "glcbt-1a_<w20>", "glptt-<h40>", "glft-<w20>", "glsoat-<w20>"),
        *("glimt-<w25>", "gloas-<w64>", "glagent-<w50>", "glffct-<w20>", "GR1348941<w20>"),
        "_gitlab_session=<h32>",
    ),
    "gocardless": ("live_<w40>", "sandbox_<w40>"),
    "google": ("AIza<w35>", "ya29.<w100>", "ya29.c.<w100>", "1//0<w60>", "GOCSPX-<w28>"),
    "grafana": ("glsa_<A32>_<h8>", "glc_eyJ<b120>=", "eyJrIjoi<A90>=="),
    "groq": ("gsk_<A52>",),
    "harness": ("pat.<w22>.<h24>.<A20>", "sat.<w22>.<h24>.<A20>"),
    "heroku": ("HRKU-AA<w58>", "HRKU-<h8>-<h4>-<h4>-<h4>-<h12>"),
    "huggingface": ("hf_<a34>", "hf_<A34>", "api_org_<a34>"),
    "infracost": ("ico-<A32>",),
    "intra42": ("s-s4t2ud-<h64>", "s-s4t2af-<h64>"),
    "jwt": (
        "eyJhbGciOiJIUzI1NiJ9.eyJ<w40>.<w43>",
        "eyJhbGciOiJub25lIn0.eyJ<w40>.",
        "eyJhbGciOiJSU0EtT0FFUCJ9.<w60>.<w16>.<w80>.<w22>",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..<w16>.<w80>.<w22>",
        "ZXlKaGJHY2lPaUpJVXpJMU5pSjku<A90>",
    ),
    "langsmith": ("lsv2_pt_<h32>_<h10>", "lsv2_sk_<h32>_<h10>"),
    "linear": ("lin_api_<A40>", "lin_oauth_<h64>"),
    "lob": ("live_<h35>", "test_<h35>"),
    "mailchimp": ("<h32>-us1", "<h32>-us20"),
    "mailgun": ("key-<h32>", "<h32>-<h8>-<h8>"),
    "mapbox": ("sk.eyJ<A60>.<w22>", "pk.eyJ<A60>.<w22>"),
    "maxmind": ("<A6>_<A29>_mmk",),
    "neon": ("napi_<l64>",),
    "netlify": ("nfp_<A36>",),
    "newrelic": ("NRAK-<L27>", "NRII-<w32>", "NRJS-<h19>", "<h36>NRAL"),
    "notion": ("ntn_<d11><A35>", "secret_<A43>"),
    "npm": ("npm_<A36>",),
    "nuget": ("oy2<l43>",),
    "nvidia": ("nvapi-<w64>",),
    "octopus": ("API-<L26>", "API-<L32>"),
    "openshift": ("sha256~<w43>",),
    "packagist": ("packagist_uut_<h68>", "packagist_out_<h68>"),
    "paypal": ("access_token$production$<l16>$<h32>", "access_token$sandbox$<l16>$<h32>"),
    "perplexity": ("pplx-<A48>",),
    "pinecone": ("pcsk_<A6>_<A63>",),
    "plaid": (
        "access-sandbox-<h8>-<h4>-<h4>-<h4>-<h12>",
        "access-production-<h8>-<h4>-<h4>-<h4>-<h12>",
    ),
    "planetscale": ("pscale_tkn_<w43>", "pscale_pw_<w43>", "pscale_oauth_<w32>"),
    "posthog": ("phx_<A43>", "phs_<A43>"),
    "postman": ("PMAK-<h24>-<h34>", "PMAT-<L26>"),
    "prefect": ("pnu_<A36>", "pnb_<A36>"),
    "pulumi": ("pul-<h40>",),
    "pypi": ("pypi-AgEIcHlwaS5vcmc<w150>", "pypi-AgENdGVzdC5weXBpLm9yZw<w150>"),
    "razorpay": ("rzp_live_<A14>", "rzp_test_<A14>"),
    "readme": ("rdme_<l70>",),
    "render": ("rnd_<A28>",),
    "replicate": ("r8_<A37>",),
    "resend": ("re_<A8>_<A24>",),
    "rubygems": ("rubygems_<h48>",),
    "scalingo": ("tk-us-<w48>",),
    "sendgrid": ("SG.<w22>.<w43>",),
    "sentry": ("sntrys_eyJpYXQiO<b90>=_<b43>", "sntryu_<h64>"),
    "settlemint": ("sm_aat_<A16>", "sm_pat_<A16>", "sm_sat_<A16>"),
    "shippo": ("shippo_live_<h40>", "shippo_test_<h40>"),
    "shopify": ("shpat_<h32>", "shpca_<h32>", "shppa_<h32>", "shpss_<h32>"),
    "sk": (
        *("sk-<A20>T3BlbkFJ<A20>", "sk-proj-<w74>T3BlbkFJ<w74>", "sk-svcacct-<w58>T3BlbkFJ<w58>"),
        *("sk-admin-<w58>T3BlbkFJ<w58>", "sk-ant-api03-<w93>AA", "sk-ant-admin01-<w93>AA"),
        *("sk-or-v1-<h64>", "sk-<h32>", "sk-lf-<h8>-<h4>-<h4>-<h4>-<h12>"),
    ),
    "slack": (
        *("xoxb-<d12>-<d13>-<A24>", "xoxp-<d12>-<d12>-<d13>-<h32>", "xoxc-<d12>-<d12>-<d13>-<h64>"),
        *("xoxd-<b120>%3D", "xoxe-1-<L146>", "xoxe.xoxp-1-<L163>", "xoxe.xoxb-1-<L163>"),
        *("xapp-1-<L11>-<d13>-<h64>", "xoxa-2-<A32>", "xoxs-<d12>-<d12>-<d12>-<h10>"),
        "https://hooks.slack.com/services/T<L10>/B<L10>/<A24>",
        "https://hooks.slack.com/workflows/T<L10>/A<L10>/<d18>/<A24>",
    ),
    "sonar": ("squ_<h40>", "sqp_<h40>", "sqa_<h40>"),
    "sourcegraph": ("sgp_<h40>", "sgp_<h16>_<h40>", "sgp_local_<h40>"),
    "square": ("sq0atp-<w22>", "sq0csp-<w43>", "EAAA<w60>"),
    "stripe": ("sk_live_<A24>", "sk_test_<A99>", "rk_live_<A24>", "rk_prod_<A30>", "whsec_<A32>"),
    "supabase": ("sbp_<h40>", "sbp_v0_<h40>", "sb_secret_<w31>"),
    "tailscale": ("tskey-auth-<A12>CNTRL-<A32>", "tskey-api-<A12>CNTRL-<A32>"),
    "teams": (
        "https://x.webhook.office.com/webhookb2/<h8>-<h4>-<h12>@<h8>-<h4>-<h12>/IncomingWebhook/<h32>",
    ),
    "telegram": ("<d10>:AA<w33>", "https://api.telegram.org/bot<d9>:AA<w33>/getMe"),
    "terraform": ("<A14>.atlasv1.<w67>",),
    "twilio": ("SK<h32>",),
    "typeform": ("tfp_<w59>",),
    "vault": ("hvs.<w95>", "hvb.<w140>", "hvr.<w95>", "s.<A24>"),
    "xai": ("xai-<A80>",),
    "yandex": ("AQVN<w36>", "t1.<w60>==.<w86>="),
}  # fmt: skip
"""By the name of a rule."""

_PART = re.compile(r"<(\w)(\d+)>")


class Issued(NamedTuple):
    """A text with a token.

    Attributes:
        rule: the name of its row.
        text: all of it.
        secret: a part that must not be anywhere: the longest random one.
    """

    rule: str
    text: str
    secret: str


def issued(seed: int = 1) -> list[Issued]:
    """Return a token of each form."""
    chance = random.Random(seed)
    return [made(rule, form, chance) for rule, forms in FORMS.items() for form in forms]


def made(rule: str, form: str, chance: random.Random) -> Issued:
    parts: list[str] = []

    def part(match: re.Match[str]) -> str:
        characters = _ALPHABETS[match[1]]
        # The outer ones are letters or digits, as a sign there could not be told from what is near.
        inner = "".join(chance.choices(characters, k=int(match[2])))
        ends = [character for character in characters if character.isalnum()]
        whole = chance.choice(ends) + inner[1:-1] + chance.choice(ends)
        parts.append(whole)
        return whole

    text = _PART.sub(part, form)
    return Issued(rule, text, max(parts, key=len))


def documented() -> list[str]:
    """Return the table of docs/secrets.md: `python -m tests.issued`."""
    rows = ["| issuer or kind | marks | described by |", "|---|---|---|"]
    for rule in sorted({token.rule for token in TOKENS}):
        its = [token for token in TOKENS if token.rule == rule]
        marks = [f"`{mark}`" for token in its for mark in token.marks]
        shown = ", ".join(marks[:6]) + (", …" if len(marks) > 6 else "")
        sources = dict.fromkeys(token.source for token in its)
        links = ", ".join(f"[{number}]({url})" for number, url in enumerate(sources, start=1))
        rows.append(f"| {rule} | {shown} | {links} |")
    return rows


if __name__ == "__main__":
    print(*documented(), sep="\n")
