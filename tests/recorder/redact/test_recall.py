"""How much is found, and how much is found that is no secret; measured through the public functions alone."""

import json
from collections import defaultdict
from collections.abc import Iterable

import pytest

import tcc_recorder as tcc
from support.redaction_corpus import DATA, Instance, clean_texts, instances, is_altered, leaks
from tcc_recorder.testing import capture
from tcc_recorder.values import REDACTED


@pytest.fixture(autouse=True)
def every_text() -> None:
    """Let secrets be looked for in every text."""
    tcc.configure(redact="secrets")


@pytest.fixture(scope="module")
def corpus() -> list[Instance]:
    """Return the texts with secrets in them."""
    return instances()


def recorded(texts: Iterable[str]) -> list[str]:
    """Return the texts as prompts are recorded."""
    with capture() as captured:
        for text in texts:
            tcc.run().prompt(text).end()
    return [run["prompt"]["user_prompt"] for run in captured.runs]


def test_secrets_are_found_and_nothing_else_is_changed(corpus: list[Instance]) -> None:
    """No text is lost, none is changed elsewhere, and of the secrets more than 97 % are found, 90 % of each family."""
    found = recorded(instance.text for instance in corpus)
    assert len(found) == len(corpus)
    assert not [instance.name for instance, text in zip(corpus, found, strict=True) if is_altered(instance.text, text)]
    caught: dict[str, list[bool]] = defaultdict(list)
    for instance, text in zip(corpus, found, strict=True):
        caught[instance.family].append(not any(leaks(secret, instance.text, text) for secret in instance.secrets))
    del caught["hard"]
    every = [hit for hits in caught.values() for hit in hits]
    print(f"recall {sum(every) / len(every):.3f} of {len(every)}, {len(caught)} families")  # noqa: T201 -- shown by -s
    assert sum(every) / len(every) > 0.97
    assert {family: hits.count(False) for family, hits in caught.items() if sum(hits) < 0.9 * len(hits)} == {}


def test_secrets_are_found_in_values_as_in_texts(corpus: list[Instance]) -> None:
    """A JSON object that is given as arguments loses what its text loses."""
    with capture() as captured:
        objects = [instance for instance in corpus if instance.text.startswith("{") and instance.family != "hard"]
        objects = [instance for instance in objects if _is_json(instance.text)]
        for instance in objects:
            run = tcc.run().prompt("p")
            run.tool_call("t").args(json.loads(instance.text)).end()
            run.end()
    assert len(captured.tool_calls) == len(objects) > 100
    missed = [
        instance.name
        for instance, call in zip(objects, captured.tool_calls, strict=True)
        if any(leaks(json.dumps(secret)[1:-1], instance.text, call["args"]) for secret in instance.secrets)
    ]
    assert len(missed) < 0.03 * len(objects), missed


def test_texts_without_secrets_stay() -> None:
    """Of code, documents, identifiers and images less than one place in a megabyte is taken for a secret."""
    texts = list(clean_texts(megabytes=2))
    size = sum(len(text.encode()) for text in texts) / 1e6
    hits = [after for before, after in zip(texts, recorded(texts), strict=True) if before != after]
    marks = sum(after.count(REDACTED) for after in hits) - sum(text.count(REDACTED) for text in texts if text in hits)
    assert size > 3
    assert marks <= size, [after[max(0, (at := after.find(REDACTED)) - 60) : at + 60] for after in hits]


def test_what_looks_like_a_secret_and_is_none_stays() -> None:
    """Each line that was once taken for a secret, or could be, is left as it is."""
    lines = (DATA / "lookalikes.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.replace("\\n", "\n") for line in lines]
    assert recorded(lines) == lines


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
