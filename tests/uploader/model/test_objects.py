"""Names of places in an object store, and when an object that could not be finished is tried again."""

import re

import pytest

from tcc_uploader.model import objects
from tcc_uploader.model.object_queue import Retries
from tcc_uploader.model.objects import checked_place, parts_of


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my.bucket-1/a/b c.tar.gz", ("my.bucket-1", "a/b c.tar.gz")),
        ("s3://bucket/a\nb", ("bucket", "a\nb")),
    ],
)
def test_a_name_is_a_bucket_and_a_key(uri: str, parts: tuple[str, str]) -> None:
    """The key may hold anything, or be empty."""
    assert parts_of(uri) == parts
    assert checked_place(uri) == uri


@pytest.mark.parametrize(
    "uri",
    ["s3://ab", "s3://Bucket/x", "s3://user:secret@bucket/x", "s3:/bucket/x", "x s3://bucket", "s3://b_b/"],
)
def test_what_is_no_name_is_refused_without_being_quoted(uri: str) -> None:
    """It may hold a password; the message says what a name looks like."""
    for check in (parts_of, checked_place):
        with pytest.raises(ValueError, match="^" + re.escape("it must be s3://BUCKET/PREFIX")) as raised:
            check(uri)
        assert uri not in str(raised.value)


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked of a store."""
    monkeypatch.setattr(objects, "find_spec", {"another": True}.get)
    with pytest.raises(ValueError, match="^s3:// needs a library: " + re.escape("pip install 'tcc-offline[s3]'") + "$"):
        checked_place("s3://bucket/x")


def test_an_object_that_was_given_back_waits_longer_each_time_up_to_an_hour() -> None:
    """30 s, 1 min, 2 min, …; until then it is not due, and after that it is."""
    now = 1000.0
    retries: Retries[str] = Retries(lambda: now)
    assert retries.is_due("a")
    waits = []
    for _ in range(12):
        retries.add("a")
        due = now
        while not retries.is_due("a"):
            assert list(retries.are_waiting()) == ["a"]
            now += 15
        assert list(retries.are_waiting()) == []
        waits.append(now - due)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]


def test_what_is_finished_or_gone_is_forgotten() -> None:
    """It begins anew if it comes again; what nobody knows may be forgotten, too."""
    now = 0.0
    retries: Retries[str] = Retries(lambda: now)
    for name in ("a", "b", "b", "c"):
        retries.add(name)
    retries.forget("a")
    retries.forget("never seen")
    assert [retries.is_due(name) for name in "abc"] == [True, False, False]
    retries.keep_only({"b", "d"})
    assert [retries.is_due(name) for name in "abc"] == [True, False, True]
    assert list(retries.are_waiting()) == ["b"]
    now = 59.0
    assert not retries.is_due("b")
    retries.add("a")
    now += 30
    assert retries.is_due("a")
