"""The CI that runs the tests, as its variables tell: its build, its pipeline, its trace."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

Templates = Mapping[str, str]
"""Texts by name, in which `{NAME}` stands for a variable's value."""


class _CI(NamedTuple):
    """What a CI's variables tell. All but `type`, `name` and `mark` are templates.

    Attributes:
        type: as the report tools name it.
        name: for people.
        mark: the variable by which it is recognised.
        build_order: number of the build.
        build_name: for people.
        build_url: of the build.
        pipeline: attributes of OpenTelemetry's conventions for CI/CD and version control.
        ids: what the trace of a run of the pipeline, and the span of the run in it, are made of;
            empty where the CI makes its own, and tells it by TRACEPARENT.
    """

    type: str
    name: str
    mark: str
    build_order: str
    build_name: str
    build_url: str
    pipeline: Templates
    ids: tuple[str, str] | None = None


_RUN, _TASK, _WORKER = "cicd.pipeline.run", "cicd.pipeline.task", "cicd.worker"
_PIPELINE = "cicd.pipeline.name"
_COMMIT, _REF = "vcs.ref.head.revision", "vcs.ref.head.name"
_REPOSITORY = "vcs.repository.url.full"

_CIS = (
    _CI(
        "github", "GitHub Actions", "GITHUB_ACTIONS", "{GITHUB_RUN_NUMBER}",
        "{GITHUB_WORKFLOW} #{GITHUB_RUN_NUMBER}",
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
        {
            _PIPELINE: "{GITHUB_WORKFLOW}",
            f"{_RUN}.id": "{GITHUB_RUN_ID}",
            f"{_TASK}.name": "{GITHUB_JOB}",
            f"{_WORKER}.name": "{RUNNER_NAME}",
            _COMMIT: "{GITHUB_SHA}",
            _REF: "{GITHUB_REF_NAME}",
            _REPOSITORY: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",
        },
        # As `githubreceiver` of the OpenTelemetry Collector makes them.
        ("{GITHUB_RUN_ID}{GITHUB_RUN_ATTEMPT}t", "{GITHUB_RUN_ID}{GITHUB_RUN_ATTEMPT}s"),
    ),
    _CI(
        "gitlab", "GitLab CI", "GITLAB_CI", "{CI_PIPELINE_IID}",
        "{CI_JOB_NAME} #{CI_PIPELINE_IID}", "{CI_JOB_URL}",
        {
            _PIPELINE: "{CI_PIPELINE_NAME}",
            f"{_RUN}.id": "{CI_PIPELINE_ID}",
            f"{_RUN}.url.full": "{CI_PIPELINE_URL}",
            f"{_TASK}.name": "{CI_JOB_NAME}",
            f"{_TASK}.run.id": "{CI_JOB_ID}",
            f"{_TASK}.run.url.full": "{CI_JOB_URL}",
            f"{_WORKER}.id": "{CI_RUNNER_ID}",
            f"{_WORKER}.name": "{CI_RUNNER_DESCRIPTION}",
            _COMMIT: "{CI_COMMIT_SHA}",
            _REF: "{CI_COMMIT_REF_NAME}",
            _REPOSITORY: "{CI_PROJECT_URL}",
        },
        # `gitlabreceiver` hashes the time at which the pipeline ends, which nobody knows before.
        ("{CI_PIPELINE_ID}t", "{CI_PIPELINE_ID}s"),
    ),
    _CI(
        "jenkins", "Jenkins", "JENKINS_URL", "{BUILD_NUMBER}", "{JOB_NAME} #{BUILD_NUMBER}",
        "{BUILD_URL}",
        {
            _PIPELINE: "{JOB_NAME}",
            f"{_RUN}.id": "{BUILD_NUMBER}",
            f"{_TASK}.name": "{STAGE_NAME}",
            f"{_WORKER}.name": "{NODE_NAME}",
            _COMMIT: "{GIT_COMMIT}",
            _REF: "{BRANCH_NAME}",
        },
    ),
    _CI(
        "teamcity", "TeamCity", "TEAMCITY_VERSION", "{BUILD_NUMBER}",
        "{TEAMCITY_BUILDCONF_NAME} #{BUILD_NUMBER}", "{BUILD_URL}",
        {
            _PIPELINE: "{TEAMCITY_BUILDCONF_NAME}",
            f"{_RUN}.id": "{BUILD_NUMBER}",
            _COMMIT: "{BUILD_VCS_NUMBER}",
        },
    ),
    _CI(
        "circleci", "CircleCI", "CIRCLECI", "{CIRCLE_BUILD_NUM}",
        "{CIRCLE_JOB} #{CIRCLE_BUILD_NUM}", "{CIRCLE_BUILD_URL}",
        {
            f"{_RUN}.id": "{CIRCLE_WORKFLOW_ID}",
            f"{_TASK}.name": "{CIRCLE_JOB}",
            f"{_TASK}.run.id": "{CIRCLE_BUILD_NUM}",
            f"{_TASK}.run.url.full": "{CIRCLE_BUILD_URL}",
            _COMMIT: "{CIRCLE_SHA1}",
            _REF: "{CIRCLE_BRANCH}",
        },
    ),
    _CI(
        "azure", "Azure Pipelines", "TF_BUILD", "{BUILD_BUILDID}",
        "{BUILD_DEFINITIONNAME} #{BUILD_BUILDNUMBER}",
        "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
        {
            _PIPELINE: "{BUILD_DEFINITIONNAME}",
            f"{_RUN}.id": "{BUILD_BUILDID}",
            f"{_TASK}.name": "{SYSTEM_JOBDISPLAYNAME}",
            f"{_TASK}.run.id": "{SYSTEM_JOBID}",
            f"{_WORKER}.id": "{AGENT_ID}",
            f"{_WORKER}.name": "{AGENT_NAME}",
            _COMMIT: "{BUILD_SOURCEVERSION}",
            _REF: "{BUILD_SOURCEBRANCHNAME}",
        },
    ),
    _CI(
        "buildkite", "Buildkite", "BUILDKITE", "{BUILDKITE_BUILD_NUMBER}",
        "{BUILDKITE_PIPELINE_SLUG} #{BUILDKITE_BUILD_NUMBER}", "{BUILDKITE_BUILD_URL}",
        {
            _PIPELINE: "{BUILDKITE_PIPELINE_SLUG}",
            f"{_RUN}.id": "{BUILDKITE_BUILD_ID}",
            f"{_TASK}.name": "{BUILDKITE_LABEL}",
            f"{_TASK}.run.id": "{BUILDKITE_JOB_ID}",
            f"{_TASK}.run.url.full": "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}",
            f"{_WORKER}.id": "{BUILDKITE_AGENT_ID}",
            f"{_WORKER}.name": "{BUILDKITE_AGENT_NAME}",
            _COMMIT: "{BUILDKITE_COMMIT}",
            _REF: "{BUILDKITE_BRANCH}",
        },
    ),
    _CI(
        "bitbucket", "Bitbucket Pipelines", "BITBUCKET_BUILD_NUMBER", "{BITBUCKET_BUILD_NUMBER}",
        "{BITBUCKET_REPO_SLUG} #{BITBUCKET_BUILD_NUMBER}",
        "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
        {
            f"{_RUN}.id": "{BITBUCKET_PIPELINE_UUID}",
            f"{_TASK}.run.id": "{BITBUCKET_STEP_UUID}",
            _COMMIT: "{BITBUCKET_COMMIT}",
            _REF: "{BITBUCKET_BRANCH}",
        },
    ),
)  # fmt: skip


def _ci(environ: Mapping[str, str]) -> _CI | None:
    return next((ci for ci in _CIS if environ.get(ci.mark)), None)


def executor(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the content of executor.json, None outside of a CI that is known."""
    ci = _ci(environ)
    if ci is None:
        return None
    told: dict[str, Any] = {"name": ci.name, "type": ci.type}
    order = _filled(ci.build_order, environ)
    if order.isdecimal():
        told["buildOrder"] = int(order)
    return told | _all_filled({"buildName": ci.build_name, "buildUrl": ci.build_url}, environ)


def pipeline_attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what OpenTelemetry's conventions have for the run of a pipeline, and its commit."""
    ci = _ci(environ)
    if ci is None:
        return {}
    told = {f"{_RUN}.url.full": ci.build_url, f"{_TASK}.type": "test", **ci.pipeline}
    return _all_filled(told, environ)


def computed_traceparent(environ: Mapping[str, str]) -> str | None:
    """Return the trace and span of a pipeline's run, where they follow from its variables."""
    ci = _ci(environ)
    if ci is None or ci.ids is None:
        return None
    trace, span = (_filled(each, environ) for each in ci.ids)
    return f"00-{_digest(trace)[:32]}-{_digest(span)[16:32]}-01" if trace and span else None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _all_filled(templates: Templates, environ: Mapping[str, str]) -> dict[str, str]:
    """Return those of which all variables are there."""
    filled = {name: _filled(text, environ) for name, text in templates.items()}
    return {name: text for name, text in filled.items() if text}


def _filled(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with the variables in place; empty if one of them is missing."""
    try:
        return text.format_map(environ)
    except KeyError:
        return ""
