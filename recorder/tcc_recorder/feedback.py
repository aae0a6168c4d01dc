"""Feedback on a run: a record of its own, at any time."""

from typing import Literal

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, MAX_FEEDBACK_TEXT, origin_of

from .clock import now
from .config import route_to
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
    """Record a user's feedback on a run; return whether that worked.

    ``tcc_url`` is the full feedback URL, if it is not the default one.  Raises ValueError if both score and text are
    missing, or if the text has more than 2000 characters.
    """
    return submit(as_text(run_id), score, text, route_to(tcc_url, api_key))


def submit(run_id: str, score: object, text: object, route: Route) -> bool:
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
    return emit(feedback_lines, new_id(), feedback, route, now())


def feedback_route(run_route: Route) -> Route:
    """Return where feedback on a run goes: to the same server as the run."""
    if run_route.url is None:
        return run_route
    url = run_route.url.rstrip("/")
    base = url.removesuffix(CUSTOM_PATH)
    if base == url:
        try:
            base = origin_of(run_route.url)
        except ValueError:
            return run_route  # not a valid URL: the run can't be delivered there either
    return Route(base + FEEDBACK_PATH, run_route.key)
