"""Tokens that are known by their form: those that services issue.

`TOKENS` has a row for each format, with the page that describes it. Formats that have no mark of
their own, such as 32 hexadecimal digits, are in no row: many hashes and ids look the same. Those
are masked by the names that they are stored under.

A text is searched for anchors: the separator that ends a prefix where a long word follows it, or
the prefix itself. What is matched at an anchor is bounded, or it succeeds: all of it is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from string import ascii_letters, digits
from typing import NamedTuple

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.places import Place
from otel_allure.redaction.private_keys import private_keys


class Token(NamedTuple):
    """A format.

    Attributes:
        rule: the name of the issuer, or of the kind.
        marks: texts of which one is in each such token, and behind which `after` is.
        after: an expression for what is behind the mark. If only a part of it is secret, that is
            its group `secret`.
        source: the page that describes the format, or a scanner's rule for it.
        before: an expression for what is before the mark.
        alone: whether no `-` or `_` may be in front: the mark may be a part of other words.
    """

    rule: str
    marks: tuple[str, ...]
    after: str
    source: str
    before: str = ""
    alone: bool = False


_GITLEAKS = "https://github.com/gitleaks/gitleaks/blob/master/cmd/generate/config/rules/"
_TRUFFLEHOG = "https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors/"
_AZURE = "https://github.com/microsoft/security-utilities/blob/main/docs/"
_BOTH_CASES = r"(?=[^A-Z\s]{0,60}[A-Z])(?=[^a-z\s]{0,60}[a-z])"
_MIXED = rf"(?=[^\d\s]{{0,60}}\d){_BOTH_CASES}"
"""A digit, a capital and a small letter: what a random token has and a name rarely."""
_ENCODED = r"(?:[\w+/=-]|%2[BbFf]|%3[Dd])"
"""Base64, in a URL or not."""
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_AWS_IDS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"
_AWS_STS = "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html"

TOKENS = (
    # clouds
    Token(
        "aws",
        ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
        # The secret key is written beside it: in CSV, in tables, in messages.
        r"[A-Z0-9]{16,17}(?:[\s,:;|/'\"]{1,5}[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/]))?",
        _AWS_IDS,
    ),
    Token("aws", ("IQoJb3JpZ2lu", "FwoGZXIvYXdz"), rf"{_ENCODED}{{80,}}", _AWS_STS),
    Token("aws", ("ABSK",), r"[A-Za-z0-9+/]{100,269}={0,2}", f"{_GITLEAKS}aws.go"),
    Token(
        "aws", ("bedrock-api-key-",), rf"YmVkcm9jay5hbWF6b25hd3MuY29t{_ENCODED}*",
        f"{_GITLEAKS}aws.go",
    ),
    Token("google", ("AIza",), r"[\w-]{30,}", f"{_GITLEAKS}gcp.go"),
    Token(
        "google", ("ya29.",), r"[\w.-]{10,}(?<!\.)",
        "https://developers.google.com/identity/protocols/oauth2",
    ),
    Token("google", ("1//0",), r"[\w-]{30,}", f"{_TRUFFLEHOG}googleoauth2"),
    Token("google", ("GOCSPX-",), r"[\w-]{10,}", f"{_TRUFFLEHOG}googleoauth2"),
    Token(
        "azure", ("7Q~", "8Q~"), r"[\w~.-]{31,34}(?<!\.)(?![\w~-])", f"{_GITLEAKS}azure.go",
        before=r"[\w~.-]{3}",
    ),
    Token(
        "azure", ("+ASt", "+ABa", "+AMC", "ACDb"), r"[A-Za-z0-9+/]{5}[AQgw]==", _AZURE,
        before=r"[A-Za-z0-9+/]{76}",
    ),
    Token(
        "azure", ("+AEh", "+ASb", "+ARm", "AIoT", "AzCa"), r"[A-Za-z0-9+/]{5}[A-Za-z0-9]=", _AZURE,
        before=r"[A-Za-z0-9+/]{33}",
    ),
    Token(
        "azure", ("+ACR", "AzSe"), r"[A-Za-z0-9+/]{6}(?![A-Za-z0-9+/])", _AZURE,
        before=r"[A-Za-z0-9+/]{42}",
    ),
    Token(
        "azure", ("AzFu",), r"[\w+/-]{5}[AQgw]==", _AZURE, before=r"[\w+/-]{44}"
    ),
    Token(
        "azure", ("JQQJ9",), r"[A-Za-z0-9]{27}(?![A-Za-z0-9])", _AZURE,
        before=r"[A-Za-z0-9]{52}",
    ),
    Token(
        "azure", ("AZDO",), r"[A-Za-z0-9]{4}(?![A-Za-z0-9])", _AZURE,
        before=r"[A-Za-z0-9]{76}",
    ),
    Token(
        "alibaba", ("LTAI",), rf"{_BOTH_CASES}[A-Za-z0-9]{{12,20}}(?!\w)",
        f"{_GITLEAKS}alibaba.go",
    ),
    Token(
        "digitalocean", ("dop_v1_", "doo_v1_", "dor_v1_"), r"[A-Za-z0-9]{20,}",
        "https://docs.digitalocean.com/reference/api/create-personal-access-token/",
    ),
    Token("aiven", ("AVNS_",), r"[\w-]{16,}", f"{_TRUFFLEHOG}aiven"),
    Token("heroku", ("HRKU-",), r"[\w-]{30,}", f"{_GITLEAKS}heroku.go"),
    Token("fly", ("fo1_",), r"[\w-]{40,}", f"{_GITLEAKS}flyio.go"),
    Token("fly", ("fm1a_", "fm1r_", "fm2_"), r"[\w+/-]{60,}={0,3}", f"{_GITLEAKS}flyio.go"),
    Token("yandex", ("AQVN",), r"[\w-]{35,38}(?![\w-])", f"{_GITLEAKS}yandex.go"),
    Token("yandex", ("t1.",), r"[\w-]{10,200}={0,2}\.[\w-]{80,90}={0,2}", f"{_GITLEAKS}yandex.go"),
    Token("scalingo", ("tk-us-",), r"[\w-]{48}", f"{_GITLEAKS}scalingo.go"),
    Token("render", ("rnd_",), rf"{_MIXED}[A-Za-z0-9]{{28,}}", f"{_TRUFFLEHOG}render"),
    Token(
        "netlify", ("nfp_", "nfc_", "nfo_", "nfu_"), r"[A-Za-z0-9]{36,}",
        f"{_TRUFFLEHOG}netlify",
    ),
    Token(
        "cloudflare", ("cfk_", "cfut_", "cfat_"), r"[A-Za-z0-9]{40,}",
        "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/",
    ),
    Token(
        "cloudflare", ("v1.0-",), r"[0-9a-f]{24}-[0-9a-f]{100,}", f"{_GITLEAKS}cloudflare.go"
    ),
    Token(
        "fastly", ("Fastly-Key", "fastly-key"),
        r"['\"]?[ \t]*[:=,][ \t]*['\"]?(?P<secret>[\w-]{32})",
        "https://www.fastly.com/documentation/reference/api/auth-tokens/",
    ),
    # code, packages, builds
    Token(
        "github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\w{16,}",
        "https://github.blog/engineering/behind-githubs-new-authentication-token-formats/",
    ),
    Token("github", ("github_pat_",), r"\w{16,}", f"{_GITLEAKS}github.go"),
    Token(
        "gitlab",
        (
            *("glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glsoat-"),
            *("glimt-", "gloas-", "glagent-", "glffct-", "glwt-"),
        ),
        r"[\w-]{16,}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7}(?![A-Za-z0-9]))?",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    Token("gitlab", ("GR1348941",), r"[\w-]{20,}", f"{_GITLEAKS}gitlab.go"),
    Token("gitlab", ("_gitlab_session=",), r"(?P<secret>[0-9a-z]{32})", f"{_GITLEAKS}gitlab.go"),
    Token(
        "atlassian", ("ATATT3", "ATCTT3", "ATSTT3"), r"[\w=-]{20,}", f"{_GITLEAKS}atlassian.go"
    ),
    Token(
        "bitbucket", ("ATBB",), rf"{_MIXED}[A-Za-z0-9]{{24,}}",
        f"{_TRUFFLEHOG}bitbucketapppassword",
    ),
    Token("sourcegraph", ("sgp_",), r"(?:\w{5,16}_)?[0-9a-fA-F]{40}", f"{_GITLEAKS}sourcegraph.go"),
    Token(
        "npm", ("npm_",), r"[A-Za-z0-9]{36}(?!\w)",
        "https://github.blog/2021-09-23-announcing-npms-new-access-token-format/",
    ),
    Token("pypi", ("pypi-",), r"Ag[\w-]{20,}", "https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns"),
    Token("rubygems", ("rubygems_",), r"[0-9a-f]{48}", f"{_GITLEAKS}rubygems.go"),
    Token("nuget", ("oy2",), r"[a-z0-9]{43}(?!\w)", f"{_TRUFFLEHOG}nugetapikey"),
    Token("clojars", ("CLOJARS_",), r"[0-9A-Za-z]{60}", f"{_GITLEAKS}clojars.go"),
    Token("packagist", ("packagist_",), r"\w{3}_[0-9a-f]{60,}", f"{_TRUFFLEHOG}packagist"),
    Token(
        "artifactory", ("AKCp",), r"[A-Za-z0-9]{50,80}(?!\w)", f"{_GITLEAKS}artifactory.go",

    ),
    Token(
        "artifactory", ("cmVmd",), r"[A-Za-z0-9]{59}(?!\w)", f"{_GITLEAKS}artifactory.go",

    ),
    Token(
        "docker", ("dckr_pat_", "dckr_oat_"), r"[\w-]{16,}",
        "https://docs.docker.com/security/access-tokens/",
    ),
    Token("openshift", ("sha256~",), r"[\w-]{43}(?![\w-])", f"{_GITLEAKS}openshift.go"),
    Token(
        "octopus", ("API-",), r"(?![0-9A-F]{32}(?!\w))(?=[A-Z]*\d)[A-Z0-9]{25,34}(?!\w)",
        f"{_GITLEAKS}octopusdeploy.go",
    ),
    Token("buildkite", ("bkua_", "bkaj_"), r"\w{40,}", f"{_TRUFFLEHOG}buildkite"),
    Token("circleci", ("CCIPAT_", "CCIPRJ_"), r"\w{22,}", f"{_TRUFFLEHOG}circleci"),
    Token("sonar", ("squ_", "sqp_", "sqa_"), r"[0-9a-f]{40}(?!\w)", f"{_GITLEAKS}sonar.go"),
    Token("harness", ("pat.", "sat."), r"[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}(?!\w)",
          f"{_GITLEAKS}harness.go", alone=True),
    Token(
        "infracost", ("ico-",), r"(?<!\.ico-)[A-Za-z0-9]{32}(?!\w)", f"{_GITLEAKS}infracost.go"
    ),
    Token("prefect", ("pnu_", "pnb_"), r"[A-Za-z0-9]{36}(?!\w)", f"{_GITLEAKS}prefect.go"),
    Token("pulumi", ("pul-",), r"[0-9a-f]{40}(?!\w)", f"{_GITLEAKS}pulumi.go"),
    Token(
        "terraform", (".atlasv1.",), r"[\w=-]{60,70}", f"{_GITLEAKS}hashicorp.go",
        before=r"[A-Za-z0-9]{14}",
    ),
    Token(
        "vault", ("hvs.", "hvb.", "hvr."), r"[\w-]{10,}",
        "https://developer.hashicorp.com/vault/docs/concepts/tokens",
    ),
    Token(
        "vault", ("s.", "b.", "r."), rf"{_MIXED}[A-Za-z0-9]{{24}}(?![\w(-]|\.\w)",
        f"{_GITLEAKS}hashicorp_vault.go", alone=True,
    ),
    Token(
        "doppler",
        ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
        r"(?:[\w-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        "https://docs.doppler.com/reference/auth-token-formats",
    ),
    Token(
        "1password", ("ops_",), r"eyJ[\w+/=-]{100,}", f"{_GITLEAKS}1password.go"
    ),
    Token(
        "1password", ("A3-",),
        r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}(?!\w)",
        f"{_GITLEAKS}1password.go",
    ),
    Token(
        "defined networking", ("dnkey-",), r"[\w=-]{26}-[\w=-]{52}",
        f"{_GITLEAKS}definednetworking.go",
    ),
    Token(
        "tailscale", ("tskey-",), r"(?:[a-z]{2,12}-)?[\w-]{16,}",
        "https://tailscale.com/kb/1277/key-prefixes",
    ),
    # messages
    Token(
        "slack",
        (*(f"xox{kind}-" for kind in "abcdeoprs"), "xoxe.xoxb-", "xoxe.xoxp-", "xapp-", "xwfp-"),
        rf"(?=[^\s\d]{{0,16}}\d)(?=(?:[A-Za-z0-9]{{1,13}}-){{0,4}}[A-Za-z0-9%+/]{{7}}){_ENCODED}{{10,}}",
        "https://docs.slack.dev/authentication/tokens",
    ),
    Token(
        "slack",
        tuple(f"hooks.slack.com/{kind}/" for kind in ("services", "workflows", "triggers")),
        r"(?P<secret>[\w/+-]+)",
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    ),
    Token(
        "discord",
        tuple(f"/api{version}/webhooks/" for version in ("", "/v6", "/v7", "/v8", "/v9", "/v10")),
        r"\d{15,22}/(?P<secret>[\w-]{20,})",
        "https://docs.discord.com/developers/resources/webhook",
    ),
    Token(
        "discord", (".",), r"[\w-]{6}\.[\w-]{27,45}(?![\w-])",
        "https://docs.discord.com/developers/reference#authentication",
        before=r"[MNO][\w-]{22,27}",
    ),
    Token("discord", ("mfa.",), r"[\w-]{80,}", f"{_TRUFFLEHOG}discordbottoken"),
    Token(
        "teams", (".webhook.office.com/webhookb2/",), r"(?P<secret>[\w@/-]{60,})",
        f"{_GITLEAKS}teams.go",
    ),
    Token(
        "telegram", (":",), r"A[\w-]{33,34}(?![\w-])",
        "https://core.telegram.org/bots/api#authorizing-your-bot",
        before=r"(?:bot)?\d{5,16}",
    ),
    Token("sendgrid", ("SG.",), r"[\w-]{16,}\.[\w-]{16,}", f"{_GITLEAKS}sendgrid.go"),
    Token(
        "twilio", ("SK",), r"(?:[0-9a-f]{32}|[0-9A-F]{32})(?!\w)",
        "https://www.twilio.com/docs/glossary/what-is-a-sid",
    ),
    Token(
        "mailchimp", ("-us",), r"\d{1,2}(?!\w)", f"{_GITLEAKS}mailchimp.go",
        before=r"[0-9a-f]{32}",
    ),
    Token(
        "mailgun", ("-",), r"[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])", f"{_GITLEAKS}mailgun.go",
        before=r"[0-9a-f]{32}",
    ),
    Token("mailgun", ("key-",), r"[0-9a-f]{32}(?!\w)", f"{_GITLEAKS}mailgun.go", alone=True),
    Token(
        "brevo", ("xkeysib-", "xsmtpsib-"), r"[0-9a-f]{64}-[A-Za-z0-9]{16}",
        f"{_GITLEAKS}sendinblue.go",
    ),
    Token("resend", ("re_",), rf"{_MIXED}[A-Za-z0-9]{{8}}_[A-Za-z0-9]{{24}}(?!\w)",
          f"{_TRUFFLEHOG}resend", alone=True),
    # payment, shops
    Token(
        "stripe",
        (*("sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_"), "whsec_"),
        r"\w{10,}",
        "https://docs.stripe.com/keys",
    ),
    Token(
        "square", ("sq0atp-", "sq0csp-", "sq0idp-"), r"[\w-]{22,}", f"{_GITLEAKS}square.go"
    ),
    Token(
        "square", ("EAAA",), rf"{_MIXED}[\w-]{{60}}(?![\w-])", f"{_GITLEAKS}square.go"
    ),
    Token(
        "paypal", ("access_token$production$", "access_token$sandbox$"), r"\w{16}\$[0-9a-f]{32}",
        f"{_TRUFFLEHOG}braintreepayments",
    ),
    Token(
        "shopify", ("shpat_", "shpca_", "shppa_", "shpss_", "shpua_"), r"[\w-]{16,}",
        "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing",
    ),
    Token("easypost", ("EZAK", "EZTK"), r"[A-Za-z0-9]{54}(?!\w)", f"{_GITLEAKS}easypost.go"),
    Token(
        "flutterwave", ("FLWSECK-", "FLWSECK_TEST-"), r"[0-9a-zA-Z]{12,32}(?:-X)?",
        f"{_GITLEAKS}flutterwave.go",
    ),
    Token(
        "gocardless", ("live_", "sandbox_"), rf"{_MIXED}[\w-]{{40}}(?![\w-])",
        f"{_GITLEAKS}gocardless.go", alone=True,
    ),
    Token("lob", ("live_", "test_"), r"[0-9a-f]{35}(?!\w)", f"{_GITLEAKS}lob.go", alone=True),
    Token("razorpay", ("rzp_live_", "rzp_test_"), r"[A-Za-z0-9]{14,}", f"{_TRUFFLEHOG}razorpay"),
    Token(
        "plaid", ("access-sandbox-", "access-development-", "access-production-"), _UUID,
        f"{_GITLEAKS}plaid.go",
    ),
    Token("duffel", ("duffel_live_", "duffel_test_"), r"[\w=-]{40,}", f"{_GITLEAKS}duffel.go"),
    Token("shippo", ("shippo_live_", "shippo_test_"), r"[0-9a-fA-F]{40}", f"{_GITLEAKS}shippo.go"),
    # models
    Token(  # OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse; a style sheet has sk-circle-1
        "sk", ("sk-",),
        r"(?=[A-Za-z_-]{0,60}\d)(?=(?:[A-Za-z0-9]{0,11}[_-]){0,8}[A-Za-z0-9]{12})[\w-]{20,}",
        f"{_GITLEAKS}openai.go",
    ),
    Token(
        "huggingface", ("hf_", "api_org_"),
        r"(?=[A-Za-z]{0,33}\d|[a-z]{0,33}[A-Z])[A-Za-z0-9]{34}(?!\w)",
        "https://huggingface.co/docs/hub/security-tokens",
    ),
    Token("groq", ("gsk_",), r"[A-Za-z0-9]{40,}", f"{_TRUFFLEHOG}groq"),
    Token("xai", ("xai-",), r"[A-Za-z0-9]{60,}", f"{_TRUFFLEHOG}xai"),
    Token("perplexity", ("pplx-",), r"[A-Za-z0-9]{40,}", f"{_GITLEAKS}perplexity.go"),
    Token("replicate", ("r8_",), r"[A-Za-z0-9]{37}(?!\w)", f"{_TRUFFLEHOG}replicate"),
    Token(
        "langsmith", ("lsv2_pt_", "lsv2_sk_"), r"[0-9a-f]{32}_[0-9a-f]{10}",
        f"{_TRUFFLEHOG}langsmith",
    ),
    Token("nvidia", ("nvapi-",), r"[\w-]{60,}", f"{_TRUFFLEHOG}nvapi"),
    Token("elevenlabs", ("sk_",), r"[0-9a-f]{48}(?!\w)", f"{_TRUFFLEHOG}elevenlabs", alone=True),
    Token("pinecone", ("pcsk_",), r"\w{60,}", f"{_TRUFFLEHOG}pinecone"),
    # data
    Token(
        "databricks", ("dapi", "dose"), r"[0-9a-f]{32}(?:-\d)?(?!\w)",
        f"{_GITLEAKS}databricks.go",
    ),
    Token(
        "planetscale", ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), r"[\w=.-]{32,64}(?<!\.)",
        "https://planetscale.com/docs/concepts/service-tokens",
    ),
    Token(
        "supabase", ("sbp_",), r"(?:[a-z0-9]{2,5}_)?[0-9a-f]{40}(?!\w)",
        f"{_TRUFFLEHOG}supabasetoken",
    ),
    Token(
        "supabase", ("sb_secret_",), r"[\w-]{20,}",
        "https://supabase.com/docs/guides/api/api-keys",
    ),
    Token("neon", ("napi_",), r"[A-Za-z0-9]{40,}", "https://neon.com/docs/manage/api-keys"),
    Token(
        "clickhouse", ("4b1d",), r"(?=[0-9a-f]{0,38}[A-Zg-z])[A-Za-z0-9]{38}(?!\w)",
        f"{_GITLEAKS}clickhouse.go",
    ),
    Token(
        "airtable", (".",), r"[0-9a-f]{64}(?!\w)",
        "https://airtable.com/developers/web/api/authentication",
        before=r"pat[A-Za-z0-9]{14}",
    ),
    Token("dropbox", ("sl.",), r"[\w=.-]{100,}(?<!\.)", f"{_GITLEAKS}dropbox.go"),
    Token("contentful", ("CFPAT-",), r"[\w-]{40,}", f"{_TRUFFLEHOG}contentfulpersonalaccesstoken"),
    Token("maxmind", ("mmk",), r"(?!\w)", f"{_GITLEAKS}maxmind.go",
          before=r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_"),
    Token(
        "mapbox", ("sk.", "tk.", "pk."), r"eyJ[\w-]{20,}\.[\w-]{16,}",
        "https://docs.mapbox.com/api/accounts/tokens/",
    ),
    # what teams work with
    Token("notion", ("ntn_",), r"[A-Za-z0-9]{40,}", f"{_GITLEAKS}notion.go"),
    Token(
        "notion", ("secret_",), rf"{_MIXED}[A-Za-z0-9]{{43}}(?!\w)", f"{_TRUFFLEHOG}notion",
        alone=True,
    ),
    Token(
        "figma", ("figd_", "figu_", "figo_", "figor_", "figoh_", "figuh_", "figdh_"),
        r"[\w-]{38,}", f"{_TRUFFLEHOG}figmapersonalaccesstoken",
    ),
    Token("linear", ("lin_api_", "lin_oauth_"), r"[\w-]{16,}", f"{_GITLEAKS}linear.go"),
    Token(
        "asana", (":",), r"[0-9a-f]{32}(?!\w)", f"{_TRUFFLEHOG}asanapersonalaccesstoken",
        before=r"[12]/\d{10,20}(?:/\d{10,20})?",
    ),
    Token("postman", ("PMAK-", "PMAT-"), r"[\w-]{10,}", f"{_GITLEAKS}postman.go"),
    Token("typeform", ("tfp_",), r"[\w=.-]{40,}(?<!\.)", f"{_GITLEAKS}typeform.go"),
    Token("readme", ("rdme_",), r"[a-z0-9]{70}(?!\w)", f"{_GITLEAKS}readme.go"),
    Token("frameio", ("fio-u-",), r"[\w=-]{60,}", f"{_GITLEAKS}frameio.go"),
    Token("settlemint", ("sm_aat_", "sm_pat_", "sm_sat_"), r"[A-Za-z0-9]{16}(?!\w)",
          f"{_GITLEAKS}settlemint.go"),
    Token("intra42", ("s-s4t2ud-", "s-s4t2af-"), r"[0-9a-f]{64}", f"{_GITLEAKS}intra42.go"),
    Token("adobe", ("p8e-",), r"[A-Za-z0-9_-]{32,}", f"{_GITLEAKS}adobe.go"),
    Token(
        "authress", (".acc_", ".acc-"), r"[a-z0-9-]{10,32}\.[\w+/=-]{30,120}",
        f"{_GITLEAKS}authress.go",
        before=r"(?:scauth|authress|sc|ext)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}",
    ),
    Token(
        "facebook", ("EAAM", "EAAC", "EAAG", "EAAD"), r"[A-Za-z0-9]{90,}",
        f"{_GITLEAKS}facebook.go",
    ),
    # what runs is looked at by
    Token(
        "grafana", ("glsa_",), r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
        "https://github.com/grafana/grafana/blob/main/pkg/components/satokengen/tokengen.go",
    ),
    Token("grafana", ("glc_",), r"[\w+/-]{32,400}={0,3}", f"{_GITLEAKS}grafana.go"),
    Token(
        "grafana", ("eyJrIjoi",), r"[A-Za-z0-9+/]{60,400}={0,3}(?![\w.])",
        f"{_GITLEAKS}grafana.go",
    ),
    Token(
        "newrelic", ("NRAK-", "NRII-", "NRIQ-", "NRRA-", "NRJS-", "NRAA-", "NRSP-"), r"[\w-]{19,}",
        "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/",
    ),
    Token(
        "newrelic", ("NRAL",), r"(?!\w)",
        "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/",
        before=r"[0-9a-fA-F]{36}",
    ),
    Token("sentry", ("sntrys_",), r"[\w+/=-]{16,}", f"{_GITLEAKS}sentry.go"),
    Token("sentry", ("sntryu_", "sntrya_", "sntryi_"), r"[0-9a-f]{60,}", f"{_GITLEAKS}sentry.go"),
    Token(
        "dynatrace", ("dt0c01.", "dt0s01.", "dt0s02.", "dt0s16."),
        r"[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}", f"{_GITLEAKS}dynatrace.go",
    ),
    Token("posthog", ("phx_", "phs_"), r"[A-Za-z0-9]{40,}", f"{_TRUFFLEHOG}posthog"),
    # keys
    Token(
        "age", ("AGE-SECRET-KEY-",), r"[A-Z0-9]{40,}",
        "https://github.com/C2SP/C2SP/blob/main/age.md",
    ),
    Token("jwt", ("ZXlK",), r"[A-Za-z0-9+/]{60,}={0,2}", f"{_GITLEAKS}jwt.go"),
)  # fmt: skip


# -- anchors

_ANCHORS = {
    "_": r"(?=[\w+/-]{12})",
    "-": r"(?![0-9a-f]{4}-|[0-9a-f]{12}(?![\w-]))(?=[\w-]{16})",  # not within UUIDs
    ".": r"(?=[\w-]{16}|[\w-]{6}\.[\w-]{27}|[\w-]{1,15}\.[\w-]{38})",
    ":": r"(?=[0-9a-f]{32}|A[\w-]{33})",
}
"""What is behind a separator that ends the mark of a token."""

_LONGEST_BEFORE = 90
_FEWEST_CHARACTERS = 3
"""Letters and digits that are not the same, in a token."""

_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_START_ALONE = r"(?:(?<![\w-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"


class _Form(NamedTuple):
    """A mark and what is around it."""

    rule: str
    mark: str
    form: re.Pattern[str]
    before: re.Pattern[str] | None

    def place(self, text: str, at: int) -> tuple[int, int] | None:
        """Return the place of a token whose mark ends at `at`."""
        start = at - len(self.mark)
        match = self.form.match(text, start) if start >= 0 else None
        if match is None:
            return None
        if self.before is not None:
            found = self.before.search(text, max(0, start - _LONGEST_BEFORE), start)
            return None if found is None else (found.start(), match.end())
        return match.span("secret") if "secret" in match.re.groupindex else match.span()


def _compiled(token: Token, mark: str) -> _Form:
    start = _START_ALONE if token.alone else _START
    start = "" if token.before or mark[0] in "./" else start
    return _Form(
        f"{token.rule} token",
        mark,
        lazy(f"{start}{re.escape(mark)}{token.after}", re.ASCII),
        lazy(rf"{_START}{token.before}\Z", re.ASCII) if token.before else None,
    )


class _Group(NamedTuple):
    """Tokens that are looked for together.

    Attributes:
        anchor: an expression that ends where a mark does.
        by_end: the forms by the last characters of their marks.
        lengths: of those ends.
    """

    anchor: re.Pattern[str]
    by_end: dict[str, list[_Form]]
    lengths: list[int]

    def find(self, text: str) -> Iterator[Place]:
        done = 0
        for anchor in self.anchor.finditer(text):
            at = anchor.end()
            if at <= done:
                continue
            for length in self.lengths:
                for form in self.by_end.get(text[max(0, at - length) : at], ()):
                    place = form.place(text, at)
                    if place is not None:
                        done = max(done, place[1])
                        if form.before or not _is_filler(text[at : place[1]]):
                            yield Place(*place, form.rule)


_END = 4


def _is_filler(body: str) -> bool:
    """Whether a token is an example of its form: `ghp_xxxxxxxxxxxxxxxx`."""
    return len(set(filter(str.isalnum, body))) < _FEWEST_CHARACTERS


def _group(anchor: str, forms: list[_Form]) -> _Group:
    by_end: dict[str, list[_Form]] = {}
    for form in forms:
        by_end.setdefault(form.mark[-_END:], []).append(form)
    lengths = sorted({len(end) for end in by_end}, reverse=True)
    return _Group(lazy(anchor, re.ASCII), by_end, lengths)


class _Groups(NamedTuple):
    """The table as it is looked at.

    Attributes:
        anchored: those with a separator that ends the mark, or one or a capital that begins it;
            nearly every text is passed over by one search.
        others: those that are passed over by looking for their gate.
    """

    anchored: _Group
    others: tuple[tuple[str, _Group], ...]


@lru_cache(1)
def _groups() -> _Groups:
    """Return the table. Not made before it is needed: that takes a moment."""
    forms = [_compiled(token, mark) for token in TOKENS for mark in token.marks]
    others = [form for form in forms if not _ends_with_separator(form.mark)]
    at_signs = [f for f in others if f.mark[0].isupper() or f.mark[0] in "_-.+"]
    anchored = [*at_signs, *(form for form in forms if _ends_with_separator(form.mark))]
    anchor = "|".join(re.escape(end) + look for end, look in _ANCHORS.items())
    by_gate: dict[str, list[_Form]] = {}
    for form in forms:
        if form not in anchored:
            by_gate.setdefault(_gate(form.mark), []).append(form)
    return _Groups(
        _group(f"{_any_of(form.mark for form in at_signs)}|{anchor}", anchored),
        tuple((gate, _group(_any_of(f.mark for f in its), its)) for gate, its in by_gate.items()),
    )


def _ends_with_separator(mark: str) -> bool:
    """Whether a mark is found by its last character; not those whose bodies may be short."""
    return mark[-1] in _ANCHORS and not mark.startswith((".a", "xox", "FLWSECK"))


def _gate(mark: str) -> str:
    """Return what several marks have in common, else the mark."""
    return next((common for common in _COMMON if common in mark), mark)


_COMMON = ("xox", "hook", "$", "~", "eyJ")


def _any_of(marks: Iterable[str]) -> str:
    """Return an expression for one of them, by their first characters: that is fast to look for."""
    by_first: dict[str, list[str]] = {}
    for mark in sorted(marks, reverse=True):
        by_first.setdefault(mark[0], []).append(re.escape(mark[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(r)})" for first, r in by_first.items())


_JWT = lazy(
    rf"(?<![spt]k\.){_START}eyJ[\w-]{{6,}}(?P<rest>"
    r"(?:\.[\w-]*){2}(?:\.[\w-]{6,}){2}"  # JWE: the key, or nothing, then three parts
    r"|\.[\w-]{6,}\.[\w-]*)?",
    re.ASCII,
)


_SHORTEST_NEEDLE = 3
NEEDLES = frozenset(
    (
        *("eyj", "private key", "private-lines:"),
        *(
            mark.lower()
            for token in TOKENS
            for mark in token.marks
            if not _ends_with_separator(mark) and len(mark) >= _SHORTEST_NEEDLE
        ),
    )
)
"""In small letters; one is in each text with a token that has no separator behind its mark, but for
marks that are in many words: behind these is a long word."""

_WORD_SIGNS = f"{digits}{ascii_letters}_+/-"
_LONG_WORDS = bytes(ord("a" if chr(c) in _WORD_SIGNS else " ") for c in range(256))
_LONG_WORD = b"a" * 13
"""What all others have: a separator and a dozen characters, see `_ANCHORS`."""


def find(text: str, needles: frozenset[str]) -> list[Place]:
    """Return the places of tokens, with the names of their rules.

    Args:
        text: anything.
        needles: those of `NEEDLES` that are in it; others do not matter.
    """
    found: list[Place] = []
    is_marked = not NEEDLES.isdisjoint(needles)
    if not is_marked and _LONG_WORD not in text.encode("ascii", "replace").translate(_LONG_WORDS):
        return found
    anchored, others = _groups()
    if anchored.anchor.search(text) is not None:
        found += anchored.find(text)
    if not is_marked:
        return found
    for gate, group in others:
        if gate in text:
            found += group.find(text)
    if "eyJ" in text:
        found += [
            Place(*m.span(), "jwt token")
            for m in _JWT.finditer(text)
            if m["rest"] and not _is_filler(m["rest"])
        ]
    if "PRIVATE KEY" in text or "Private-Lines:" in text:
        found += [Place(*place, "private key") for place in private_keys(text)]
    return found
