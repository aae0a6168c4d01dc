"""Which requests are recorded, as what, and what their senders hear.  Pure: a table and its look-up.

Every path, content type and member was seen in requests of the official packages: Python ``contextcompany`` 2.0.0 and
npm ``@contextcompany/*``.
"""

from typing import Final, NamedTuple

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, can_be_path

NOT_RECORDED: Final = frozenset({"/v1/logs", "/v1/metrics"})
"""OpenTelemetry's other signals.  An SDK that exports them, too, has a server of its own for them."""


class Endpoint(NamedTuple):
    """A path to which SDKs post.

    ``kind`` is that of the line; None: the ``type`` in the body says it.  ``run_id`` is the way to the run's id in a
    JSON body; for OTLP it is the name of an attribute.
    """

    kind: str | None
    run_id: tuple[str, ...] = ()
    is_otlp: bool = False
    is_future: bool = False
    """Whether only an SDK that is newer than this version posts there."""


_ENDPOINTS: Final = {
    CUSTOM_PATH: Endpoint(None, ("run_id",)),
    FEEDBACK_PATH: Endpoint("feedback", ("runId",)),
    "/v1/claude": Endpoint("claude", ("runId",)),
    "/v1/mastra": Endpoint("mastra", ("runId",)),
    "/v1/pi": Endpoint("pi", ("runId",)),
    "/v1/openclaw": Endpoint("openclaw", ("metadata", "tcc.runId")),
    "/v1/traces": Endpoint("otlp", ("tcc.runId",), is_otlp=True),
    "/v1/otel-steps": Endpoint("otlp-steps", ("metadata.tcc.runId",), is_otlp=True),
}
_FUTURE: Final = Endpoint("post", is_future=True)


def endpoint_of(path: str) -> Endpoint | None:
    """Return what is posted to a path; None if nothing is."""
    known = _ENDPOINTS.get(path)
    if known is None and can_be_path(path) and path not in NOT_RECORDED:
        return _FUTURE
    return known
