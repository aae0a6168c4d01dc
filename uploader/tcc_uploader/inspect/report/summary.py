"""The plain summary: what readers see whose browser runs no script, or whose server allows neither script nor style."""

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from tcc_schemas.display import visible
from tcc_uploader.inspect.runs.values import Outcome, Run
from tcc_uploader.sinks import plural

from .columns import one_line
from .masks import kind_of, masked

_FAILED: Final = 50
"""The newest failed runs that are listed."""
_GROUPS: Final = 20
_TEXT: Final = 200
_MORE: Final = (
    "All runs with their calls and texts are in this file. A browser shows them when scripts are allowed: "
    "download it, and open it from disk. If that shows no more than this, the file was cut off: download it again."
)
BAD: Final = (Outcome.ERROR, Outcome.UNENDED)


def escaped(text: str) -> str:
    """Return a text in which nothing is markup and nothing is hidden."""
    return html.escape(visible(text))


class PlainSummary:
    """Gathers totals, error groups and the newest failed runs."""

    def __init__(self, *, texts: bool = True) -> None:
        """Without ``texts``, prompts are left out, and of messages all but the error's name."""
        self._texts = texts
        self._outcomes = Counter[Outcome]()
        self._groups = Counter[str]()
        self._failed: list[tuple[str, str, str, str, str]] = []
        self._tokens = 0
        self._cost = 0.0

    def add(self, run: Run, failed_call: str) -> None:
        """Take in a run; they come newest first."""
        self._outcomes[run.outcome] += 1
        self._tokens += run.tokens
        self._cost += run.cost or 0.0
        if run.outcome not in BAD:
            return
        message = run.message if self._texts else kind_of(run.message)
        self._groups[masked(message) or f"({run.outcome.value})"] += 1
        if len(self._failed) < _FAILED:
            prompt = run.title if self._texts else ""
            cost = "" if run.cost is None else f"${run.cost:.4f}"
            texts = (run.id, one_line(prompt, _TEXT), one_line(message, _TEXT), failed_call, cost)
            self._failed.append(texts)

    def html(self, sources: Iterable[str], notes: Sequence[str]) -> str:
        """Return the summary; no byte of a record is markup in it."""
        runs = self._outcomes.total()
        counts = ", ".join(f"{self._outcomes[each]:,} {each.value}" for each in Outcome if self._outcomes[each])
        used = f"{plural(self._tokens, 'token')}, ${self._cost:,.4f}"
        parts = [
            "<h1>Recorded runs</h1>",
            f"<p>{plural(runs, 'run')}{': ' if counts else ''}{counts}. {used}.</p>",
            f"<p>From {escaped(', '.join(sources))}.</p>",
            f"<p>{_MORE}</p>",
            *(f"<p>{escaped(note)}</p>" for note in notes),
        ]
        if self._groups:
            rows = ((f"{number:,}", message) for message, number in self._groups.most_common(_GROUPS))
            parts += ["<h2>Errors</h2>", _table(("runs", "message"), rows)]
        if self._failed:
            head = ("run", "prompt", "message", "failed at", "cost")
            parts += [f"<h2>The newest failed runs ({len(self._failed)})</h2>", _table(head, self._failed)]
        return f'<main id="plain">{"".join(parts)}</main>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def cells(kind: str, texts: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{kind}>{escaped(text)}</{kind}>" for text in texts) + "</tr>"

    body = "".join(cells("td", row) for row in rows)
    return f'<table border="1"><thead>{cells("th", head)}</thead><tbody>{body}</tbody></table>'
