import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tcc_recorder as tcc
from tcc_recorder.ci import ci_metadata
from tcc_recorder.defaults import scoped
from tcc_recorder.testing import capture

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/bot",
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SHA": "abc",
    "GITHUB_REF": "refs/pull/5/merge",
    "GITHUB_HEAD_REF": "feature",
    "GITHUB_WORKFLOW": "test",
    "GITHUB_JOB": "unit",
}
SYSTEMS: list[tuple[dict[str, str], dict[str, str]]] = [
    (
        GITHUB,
        {
            "provider": "github",
            "repository": "acme/bot",
            "commit": "abc",
            "branch": "feature",
            "workflow": "test",
            "job": "unit",
            "attempt": "2",
            "url": "https://github.com/acme/bot/actions/runs/7/attempts/2",
        },
    ),
    ({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/a/b"}, {"provider": "github", "branch": "a/b"}),
    ({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/v1"}, {"provider": "github"}),
    (
        {"GITLAB_CI": "true", "CI_PROJECT_PATH": "g/p", "CI_COMMIT_BRANCH": "main", "CI_JOB_URL": "https://u:p@gl/1"},
        {"provider": "gitlab", "repository": "g/p", "branch": "main", "url": "https://gl/1"},
    ),
    (
        {"BUILDKITE": "true", "BUILDKITE_REPO": "https://u:p@host/r.git", "BUILDKITE_RETRY_COUNT": "0"},
        {"provider": "buildkite", "repository": "https://host/r.git", "attempt": "1"},
    ),
    (
        {"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "a", "CIRCLE_PROJECT_REPONAME": "b", "CIRCLE_SHA1": "c"},
        {"provider": "circleci", "repository": "a/b", "commit": "c"},
    ),
    (
        {"JENKINS_URL": "https://j/", "GIT_URL": "https://u:p@host/r.git", "CHANGE_BRANCH": "x", "BRANCH_NAME": "PR-1"},
        {"provider": "jenkins", "repository": "https://host/r.git", "branch": "x"},
    ),
    (
        {
            "TF_BUILD": "True",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/o/",
            "SYSTEM_TEAMPROJECT": "my project",
            "BUILD_BUILDID": "9",
            "BUILD_SOURCEBRANCH": "refs/heads/main",
        },
        {
            "provider": "azure",
            "branch": "main",
            "url": "https://dev.azure.com/o/my%20project/_build/results?buildId=9",
        },
    ),
    ({"CI": "true", "DRONE": "true"}, {}),
]


@pytest.mark.parametrize(("environment", "expected"), SYSTEMS)
def test_each_system_is_told_under_the_same_names(environment: dict[str, str], expected: dict[str, str]) -> None:
    """What a CI system says is found under our names, without credentials; what it does not say is absent."""
    assert ci_metadata(environment) == {f"ci.{name}": value for name, value in expected.items()}


def recorded() -> dict[str, Any]:
    """Record a run that sets one name itself; return its metadata."""
    with capture() as captured:
        tcc.run().prompt("p").metadata(own="run").end()
    return dict(captured.runs[0]["metadata"])


def test_the_nearer_source_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI gives way to TCC_METADATA, that to configure(), that to scoped(), and all to the run's own metadata."""
    for name, value in {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SHA": "ci", "GITHUB_JOB": "ci"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TCC_METADATA", "ci.commit=env,a=env,b=env,c=env,own=env")
    tcc.configure(metadata={"a": "argument", "b": "argument", "own": "argument"})
    with scoped({"b": "outer", "own": "outer"}), scoped({"b": "inner"}):
        inside = recorded()
    expected = {"ci.provider": "github", "ci.job": "ci", "ci.commit": "env", "a": "argument", "c": "env", "own": "run"}
    assert inside == expected | {"b": "inner"}
    assert recorded() == expected | {"b": "argument"}
    tcc.configure(metadata={})
    assert recorded()["a"] == "env"


@pytest.mark.parametrize(("wanted", "ci", "found"), [("0", "true", False), ("1", "", True), ("", "", False)])
def test_the_ci_is_asked_only_when_wanted(monkeypatch: pytest.MonkeyPatch, wanted: str, ci: str, found: bool) -> None:
    """TCC_CI forces or forbids what else the variable CI decides."""
    for name, value in {"TCC_CI": wanted, "CI": ci, "GITHUB_ACTIONS": "true"}.items():
        monkeypatch.setenv(name, value)
    assert ("ci.provider" in recorded()) is found


def test_escapes_and_malformed_parts(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A backslash makes separators ordinary; a part that is none is complained about once, and the rest counts."""
    monkeypatch.setenv("TCC_METADATA", r"a\=b=c\,d\\,nothing,e=f=g,=h")
    found = recorded()
    assert found["a=b"] == "c,d\\"
    assert found["e"] == "f=g"
    assert "nothing" not in found
    assert caplog.text.count("TCC_METADATA") == 1


def test_defaults_alone_are_no_run(items: Callable[[Path], list[dict[str, Any]]], spool: Path) -> None:
    """A run that nothing was said of leaves no record, whatever defaults there are."""
    tcc.configure(metadata={"a": "b"})
    tcc.run()
    tcc.run("kept").prompt("p").end()
    assert [item["run_id"] for item in items(spool)] == ["kept"]


def test_a_scope_is_the_whole_processes() -> None:
    """A thread that was started meanwhile is in the scope."""
    with capture() as captured, scoped({"test": "this"}):
        thread = threading.Thread(target=lambda: tcc.run().prompt("p").end())
        thread.start()
        thread.join()
    assert captured.runs[0]["metadata"] == {"test": "this"}


def test_metadata_that_is_none_is_misuse() -> None:
    """configure() refuses what is no mapping."""
    with pytest.raises(ValueError, match="metadata"):
        tcc.configure(metadata=5)  # type: ignore[arg-type]  # the misuse
