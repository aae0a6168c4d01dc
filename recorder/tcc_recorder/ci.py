"""What a CI system says of itself in a job's environment, under the same names for all of them."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class _Provider(NamedTuple):
    """A CI system: the variable that tells it, and for each name the templates of which the first complete one counts.

    A template is complete when the environment has every variable in it, and not as an empty text.
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
            "ci.branch": ("{GITHUB_HEAD_REF}", "{GITHUB_REF}"),  # the first one is a pull request's
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
        "jenkins",  # the last one: a job of another system may carry its URL along
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
    """Return ``ci.provider``, ``ci.repository``, ``ci.commit``, ``ci.branch``, ``ci.workflow``, ``ci.job``,
    ``ci.attempt`` (the first is 1) and ``ci.url``, as far as the environment tells; nothing in an unknown CI.

    URLs lose the user names and passwords in them.
    """  # noqa: D205 -- the names are the sentence
    said = {name: value for name, value in environment.items() if value}
    provider = next((provider for provider in _PROVIDERS if provider.marker in said), None)
    if provider is None:
        return {}
    found = {"ci.provider": provider.name}
    for name, templates in provider.templates.items():
        value = _first_complete(templates, said)
        if value is not None:
            found[name] = re.sub(_CREDENTIALS, "", value)
    _make_alike(found)
    return found


def _first_complete(templates: tuple[str, ...], said: dict[str, str]) -> str | None:
    for template in templates:
        try:
            return template.format_map(said)
        except KeyError:
            continue
    return None


def _make_alike(found: dict[str, str]) -> None:
    """Mend what one system says in another way than the rest."""
    branch = found.get("ci.branch", "")
    if branch.startswith(_BRANCH):
        found["ci.branch"] = branch.removeprefix(_BRANCH)
    elif branch.startswith("refs/"):  # a tag, or the merge of a pull request
        del found["ci.branch"]
    if found["ci.provider"] == "buildkite" and found.get("ci.attempt", "").isdecimal():  # it counts retries
        found["ci.attempt"] = str(int(found["ci.attempt"]) + 1)
    if "ci.url" in found:
        found["ci.url"] = found["ci.url"].replace(" ", "%20")  # names of projects may hold spaces
