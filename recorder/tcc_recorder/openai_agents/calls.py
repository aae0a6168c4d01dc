"""The LLM calls of one run: each becomes a step; each attempt of a call that was retried becomes one too."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from tcc_recorder import Run, Step

from . import content

_FIRST_WORDS: Final = ".delta"
"""How the types of the stream events end that carry a piece of the answer."""


class Attempt(NamedTuple):
    """What tracing tells about one attempt of an LLM call.  ``response`` is the provider's own, if the span has it."""

    began: datetime | None
    ended: datetime | None
    error: str | None
    model: str | None
    response: object


class Asked(NamedTuple):
    """What is known when a model is called."""

    agent: str
    model: str | None
    prompt: str | None
    left_out: int
    """Of the oldest items, to keep the prompt under its cap."""
    definitions: str | None


class _Open:
    """An LLM call that is under way."""

    def __init__(self, step: Step, asked: Asked) -> None:
        self.step = step
        self.asked = asked
        self.began = time.monotonic()
        self.failed = 0
        """Attempts that are steps of their own already."""
        self.failure: Attempt | None = None
        """The last attempt, if it failed: a step of its own if another follows, else the end of the call."""
        self.first_words: float | None = None
        self.words: list[str] = []
        self.attempt: Attempt | None = None
        """The last one that did not fail."""
        self.final: object = None
        """The response that ended the stream."""


class LlmCalls:
    """The LLM calls of ``run``, of which at most one is under way.  ``content`` is whether texts are recorded."""

    def __init__(self, run: Run, *, content: bool) -> None:
        self._run = run
        self._content = content
        self._open: _Open | None = None
        self._count = 0
        self.last_output: object = None
        """What the last one answered, to know it again."""

    def began(self, asked: Asked) -> None:
        """Note that a model is called."""
        self.give_up(1, "its end was not told")
        self._count += 1
        self._open = _Open(self._run.step(), asked)

    def attempt_began(self) -> None:
        """Note that a request is on its way; time to the first token counts from here."""
        if self._open is not None:
            self._open.began = time.monotonic()
            self._open.first_words = None
            self._open.words.clear()

    def attempt_ended(self, attempt: Attempt) -> None:
        """Note that a request is done; the SDK may try again if it failed."""
        call = self._open
        if call is None:
            return
        self._flush_failure(call)
        if attempt.error is None:
            call.attempt = attempt
        else:
            call.failure = attempt

    def streamed(self, event: object) -> None:
        """Note a piece of a streamed answer."""
        call = self._open
        if call is None:
            return
        kind = content.member(event, "type")
        if not isinstance(kind, str):
            return
        if kind.endswith(_FIRST_WORDS):
            if call.first_words is None:
                call.first_words = (time.monotonic() - call.began) * 1000
            delta = content.member(event, "delta")
            if kind == "response.output_text.delta" and isinstance(delta, str):
                call.words.append(delta)
        elif (response := content.member(event, "response")) is not None:
            call.final = response

    def ended(self, response: object) -> list[content.Called]:
        """Note the model's answer; return the tool calls in it."""
        call, self._open = self._open, None
        output: Sequence[Any] = content.member(response, "output") or []
        self.last_output = output
        if call is None:
            return []
        usage = content.member(response, "usage")
        self._flush_failure(call)
        for _ in range(content.failed_attempts(usage) - call.failed):
            self._failed_step(call, None, "the attempt failed, and was repeated")
        provider = self._provider_response(call)
        self._describe(call, usage, provider, response)
        call.step.finish_reason(content.finish_reason(output, provider))  # type: ignore[arg-type]  # None leaves it out
        call.step.response(content.output_text(output) if self._content else None)  # type: ignore[arg-type]  # see above
        self._times(call.step, call.attempt)
        call.step.end()
        return content.calls(output)

    def unheard(self, response: object) -> list[content.Called]:
        """End the call with an answer that no hook told of; nothing if it was told of, or there is none to end."""
        if self._open is None or content.member(response, "output") is self.last_output:
            return []
        return self.ended(response)

    def give_up(self, code: int, message: str) -> None:
        """Note that no answer will come, and why."""
        call, self._open = self._open, None
        if call is None:
            return
        provider = self._provider_response(call)
        self._describe(call, content.member(provider, "usage"), provider, None)
        output: Sequence[Any] = content.member(provider, "output") or []
        if call.failure is not None:
            code, message = 2, call.failure.error or message
        elif call.attempt is not None and output:  # the model did its part; what failed came after it
            code, message = 0, ""
        words = content.output_text(output) if output else "".join(call.words)
        call.step.response(words if self._content and words else None)  # type: ignore[arg-type]  # None leaves it out
        call.step.finish_reason(content.finish_reason(output, provider))  # type: ignore[arg-type]  # see above
        call.step.status(code, message or None)
        self._times(call.step, call.failure or call.attempt)
        call.step.end()

    def _flush_failure(self, call: _Open) -> None:
        """Make the attempt that failed a step of its own: it was not the last."""
        failure, call.failure = call.failure, None
        if failure is not None:
            call.failed += 1
            self._failed_step(call, failure, failure.error or "the attempt failed")

    @staticmethod
    def _provider_response(call: _Open) -> object:
        traced = call.attempt and call.attempt.response
        return call.final if traced is None else traced

    def _describe(self, call: _Open, usage: object, provider: object, response: object) -> None:
        """Set everything that does not depend on how the call ended."""
        step, asked = call.step, call.asked
        traced = call.attempt and call.attempt.model
        step.prompt(asked.prompt)  # type: ignore[arg-type]  # None leaves it out
        step.model(asked.model or traced, content.model_used(provider))
        step.tokens(*content.tokens(usage))
        if call.first_words is not None:
            step.ttft_ms(round(call.first_words, 3))
        if self._content:
            tools = content.member(provider, "tools")
            step.tool_definitions(content.as_json(tools) if tools else asked.definitions)  # type: ignore[arg-type]
        known = {
            "agent": asked.agent,
            "turn": self._count,
            "failed_attempts": call.failed,
            "prompt_items_left_out": asked.left_out,
            "reasoning_tokens": content.member(content.member(usage, "output_tokens_details"), "reasoning_tokens"),
            "response_id": content.member(response, "response_id"),
            "request_id": content.member(response, "request_id"),
        }
        step.attributes({name: value for name, value in known.items() if value})

    def _failed_step(self, call: _Open, attempt: Attempt | None, message: str) -> None:
        step = self._run.step()
        step.prompt(call.asked.prompt)  # type: ignore[arg-type]  # None leaves it out
        step.model(call.asked.model or (attempt and attempt.model))
        step.attributes({"agent": call.asked.agent, "turn": self._count})
        if self._content and call.asked.definitions:
            step.tool_definitions(call.asked.definitions)
        self._times(step, attempt)
        step.error(message)

    @staticmethod
    def _times(step: Step, attempt: Attempt | None) -> None:
        """Take the times of the request itself, where tracing tells them."""
        if attempt is not None and attempt.began is not None:
            step.start_time(attempt.began)
        if attempt is not None and attempt.ended is not None:
            step.end_time(attempt.ended)
