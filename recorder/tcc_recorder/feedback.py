"""Feedback on a run: a record of its own, whenever it comes."""

from typing import Literal

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, MAX_FEEDBACK_TEXT, origin_of

from .clock import now
from .config import route
from .ids import new_id
from .records import Route, feedback_lines
from .sink import emit
from .values import given_text
from .values import text as as_text


def submit_feedback(
    run_id: str,
    score: Literal["thumbs_up", "thumbs_down"] | None = None,
    text: str | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> bool:
    """Record a user's verdict on a run; return whether that worked.

    ``tcc_url`` is the full feedback URL, if it is not the usual one.  Raises ValueError without score and text, or for
    a text of more than 2000 characters.
    """
    return submit(as_text(run_id), score, text, route(api_key, tcc_url))


def submit(run_id: str, score: object, text: object, way: Route) -> bool:
    """See :func:`submit_feedback`."""
    feedback = {"runId": run_id}
    if verdict := given_text(score):
        feedback["score"] = verdict
    if words := given_text(text):
        feedback["text"] = words
    if len(feedback) == 1:
        raise ValueError("[TCC] Cannot submit feedback: at least one of 'score' or 'text' must be provided")
    if len(words) > MAX_FEEDBACK_TEXT:
        raise ValueError(
            f"[TCC] Cannot submit feedback: text length ({len(words)}) "
            f"exceeds maximum of {MAX_FEEDBACK_TEXT} characters"
        )
    return emit(feedback_lines, new_id(), feedback, way, now())


def beside(way: Route) -> Route:
    """Return where feedback on a run goes: to the server that the run goes to."""
    if way.url is None:
        return way
    base = way.url.rstrip("/").removesuffix(CUSTOM_PATH)
    if base == way.url.rstrip("/"):
        try:
            base = origin_of(way.url)
        except ValueError:
            return way  # no URL at all: nobody will take the run there either
    return Route(base + FEEDBACK_PATH, way.key)
