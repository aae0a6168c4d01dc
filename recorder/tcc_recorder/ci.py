"""The metadata of a CI job, from its environment variables; the same names for every CI system."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class _Provider(NamedTuple):
    """A CI system.

    If the environment has the variable ``marker``, the job runs in this system.  Each name has several ``templates``;
    the first complete one is used.  A template is complete if every variable in it is set and not empty.
    """

    name: str
    marker: str
    templates: dict[str, tuple[str, ...]]


_GITHUB_RUN: Final = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"
_PROVIDERS: Final = (
    _Provider(
        "github",
        "GITHUB_ACTIONS",
        {
            "ci.repository": ("{GITHUB_REPOSITORY}",),
            "ci.commit": ("{GITHUB_SHA}",),
            "ci.branch": ("{GITHUB_HEAD_REF}", "{GITHUB_REF}"),  # the first one is set in pull requests
            "ci.workflow": ("{GITHUB_WORKFLOW}",),
            "ci.job": ("{GITHUB_JOB}",),
            "ci.attempt": ("{GITHUB_RUN_ATTEMPT}",),
            "ci.url": (f"{_GITHUB_RUN}/attempts/{{GITHUB_RUN_ATTEMPT}}", _GITHUB_RUN),
        },
    ),
    _Provider(
        "gitlab",
        "GITLAB_CI",
        {
            "ci.repository": ("{CI_PROJECT_PATH}",),
            "ci.commit": ("{CI_COMMIT_SHA}",),
            "ci.branch": ("{CI_MERGE_REQUEST_SOURCE_BRANCH_NAME}", "{CI_COMMIT_BRANCH}"),
            "ci.workflow": ("{CI_PIPELINE_NAME}",),
            "ci.job": ("{CI_JOB_NAME}",),
            "ci.url": ("{CI_JOB_URL}", "{CI_PIPELINE_URL}"),
        },
    ),
    _Provider(
        "buildkite",
        "BUILDKITE",
        {
            "ci.repository": ("{BUILDKITE_REPO}",),
            "ci.commit": ("{BUILDKITE_COMMIT}",),
            "ci.branch": ("{BUILDKITE_BRANCH}",),
            "ci.workflow": ("{BUILDKITE_PIPELINE_SLUG}",),
            "ci.job": ("{BUILDKITE_LABEL}", "{BUILDKITE_STEP_KEY}"),
            "ci.attempt": ("{BUILDKITE_RETRY_COUNT}",),
            "ci.url": ("{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "{BUILDKITE_BUILD_URL}"),
        },
    ),
    _Provider(
        "circleci",
        "CIRCLECI",
        {
            "ci.repository": ("{CIRCLE_PROJECT_USERNAME}/{CIRCLE_PROJECT_REPONAME}", "{CIRCLE_REPOSITORY_URL}"),
            "ci.commit": ("{CIRCLE_SHA1}",),
            "ci.branch": ("{CIRCLE_BRANCH}",),
            "ci.workflow": ("{CIRCLE_WORKFLOW_ID}",),
            "ci.job": ("{CIRCLE_JOB}",),
            "ci.url": ("{CIRCLE_BUILD_URL}",),
        },
    ),
    _Provider(
        "azure",
        "TF_BUILD",
        {
            "ci.repository": ("{BUILD_REPOSITORY_NAME}",),
            "ci.commit": ("{BUILD_SOURCEVERSION}",),
            "ci.branch": ("{SYSTEM_PULLREQUEST_SOURCEBRANCH}", "{BUILD_SOURCEBRANCH}"),
            "ci.workflow": ("{BUILD_DEFINITIONNAME}",),
            "ci.job": ("{SYSTEM_JOBDISPLAYNAME}", "{AGENT_JOBNAME}"),
            "ci.attempt": ("{SYSTEM_JOBATTEMPT}",),
            "ci.url": ("{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",),
        },
    ),
    _Provider(
        "jenkins",  # the last one: JENKINS_URL may be set in jobs of another system too
        "JENKINS_URL",
        {
            "ci.repository": ("{GIT_URL}",),
            "ci.commit": ("{GIT_COMMIT}",),
            "ci.branch": ("{CHANGE_BRANCH}", "{BRANCH_NAME}", "{GIT_LOCAL_BRANCH}", "{GIT_BRANCH}"),
            "ci.workflow": ("{JOB_NAME}",),
            "ci.job": ("{STAGE_NAME}",),
            "ci.url": ("{BUILD_URL}",),
        },
    ),
)
_CREDENTIALS: Final = r"(?<=://)[^/\s]*@"
_BRANCH: Final = "refs/heads/"


def ci_metadata(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of the CI job, as far as the environment has it; an empty dict in an unknown CI system.

    The names are ``ci.provider``, ``ci.repository``, ``ci.commit``, ``ci.branch``, ``ci.workflow``, ``ci.job``,
    ``ci.attempt`` (the first is 1) and ``ci.url``.  User names and passwords are removed from URLs.
    """
    given = {name: value for name, value in environment.items() if value}
    provider = next((provider for provider in _PROVIDERS if provider.marker in given), None)
    if provider is None:
        return {}
    found = {"ci.provider": provider.name}
    for name, templates in provider.templates.items():
        value = _first_complete(templates, given)
        if value is not None:
            found[name] = re.sub(_CREDENTIALS, "", value)
    _normalize(found)
    return found


def _first_complete(templates: tuple[str, ...], given: dict[str, str]) -> str | None:
    for template in templates:
        try:
            return template.format_map(given)
        except KeyError:
            continue
    return None


def _normalize(found: dict[str, str]) -> None:
    """Bring the values of different systems into the same form."""
    branch = found.get("ci.branch", "")
    if branch.startswith(_BRANCH):
        found["ci.branch"] = branch.removeprefix(_BRANCH)
    elif branch.startswith("refs/"):  # a tag, or the merge of a pull request
        del found["ci.branch"]
    if found["ci.provider"] == "buildkite" and found.get("ci.attempt", "").isdecimal():  # it counts from 0
        found["ci.attempt"] = str(int(found["ci.attempt"]) + 1)
    if "ci.url" in found:
        found["ci.url"] = found["ci.url"].replace(" ", "%20")  # names of projects may hold spaces
