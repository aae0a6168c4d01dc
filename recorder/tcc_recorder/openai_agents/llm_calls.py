"""The LLM calls of one run.  Each becomes a step; if a call was retried, each failed attempt becomes a step too."""

from datetime import datetime
from typing import Final, NamedTuple

from tcc_recorder import Run, Step
from tcc_recorder.clock import ELAPSED

from . import content
from .details import count, listed, member, word
from .guard import guard

_DELTA: Final = ".delta"
"""The type of a stream event that carries a piece of the answer ends with this."""


class Attempt(NamedTuple):
    """One attempt of an LLM call, as its span describes it.  ``response`` is the provider's, if the span has it."""

    began: datetime | None
    ended: datetime | None
    error: str | None
    model: str | None
    response: object


class LlmRequest(NamedTuple):
    """What is known when a model is called."""

    agent: str
    model: str | None
    prompt: str | None
    left_out: int
    """How many of the oldest items are not in the prompt, because it is limited."""
    definitions: str | None


class _OpenCall:
    """An LLM call that has not ended."""

    def __init__(self, step: Step, request: LlmRequest) -> None:
        self.step = step
        self.request = request
        self.began = ELAPSED.monotonic_ns()
        self.failed = 0
        """How many attempts have become steps already."""
        self.failure: Attempt | None = None
        """The last attempt, if it failed.  It becomes a step if another attempt follows, else it ends the call."""
        self.first_token_ms: float | None = None
        self.text_parts: list[str] = []
        self.attempt: Attempt | None = None
        """The last attempt that did not fail."""
        self.final: object = None
        """The response that ended the stream."""


class LlmCalls:
    """The LLM calls of ``run``; at most one is open.  ``content`` is whether texts are recorded."""

    def __init__(self, run: Run, *, content: bool) -> None:
        self._run = run
        self._content = content
        self._open: _OpenCall | None = None
        self._count = 0
        self.last_output: object = None
        """The output of the last call, to recognize it when it is reported again."""

    def began(self, request: LlmRequest) -> None:
        """Record that a model is called."""
        self.give_up(1, "its end was not reported")
        self._count += 1
        step = self._run.step().prompt(None).response(None)  # type: ignore[arg-type]  # it can end now without either
        self._open = _OpenCall(step, request)

    def attempt_began(self) -> None:
        """Record that a request is sent; the time to the first token counts from here."""
        if self._open is not None:
            self._open.began = ELAPSED.monotonic_ns()
            self._open.first_token_ms = None
            self._open.text_parts.clear()

    def attempt_ended(self, attempt: Attempt) -> None:
        """Record that a request ended; if it failed, the SDK may try again."""
        call = self._open
        if call is None:
            return
        self._flush_failure(call)
        if attempt.error is None:
            call.attempt = attempt
        else:
            call.failure = attempt

    def streamed(self, event: object) -> None:
        """Record that a piece of a streamed answer arrived."""
        call = self._open
        if call is None:
            return
        kind = word(event, "type")
        if kind is None:
            return
        if kind.endswith(_DELTA):
            if call.first_token_ms is None:
                call.first_token_ms = (ELAPSED.monotonic_ns() - call.began) / 1e6
            if kind == "response.output_text.delta" and (delta := word(event, "delta")) is not None:
                call.text_parts.append(delta)
        elif (response := member(event, "response")) is not None:
            call.final = response

    def ended(self, response: object) -> list[content.OutputToolCall]:
        """Record that the model answered; return the tool calls in its answer."""
        call, self._open = self._open, None
        self.last_output = member(response, "output")
        output = listed(self.last_output)
        if call is None:
            return []
        with guard:
            usage = member(response, "usage")
            self._flush_failure(call)
            for _ in range(content.failed_attempts(usage) - call.failed):
                self._failed_step(call, None, "the attempt failed, and was repeated")
            provider = self._provider_response(call)
            self._describe(call, usage, provider, response)
            self._answer(call.step, output, content.output_text(output), provider)
            self._times(call.step, call.attempt)
        call.step.end()
        return content.tool_calls_in(output)

    def ended_without_hook(self, response: object) -> list[content.OutputToolCall]:
        """End the call with an answer that no hook got; do nothing if a hook got it, or no call is open."""
        if self._open is None or member(response, "output") is self.last_output:
            return []
        return self.ended(response)

    def give_up(self, code: int, message: str) -> None:
        """No answer will come; the message says why."""
        call, self._open = self._open, None
        if call is None:
            return
        with guard:
            provider = self._provider_response(call)
            self._describe(call, member(provider, "usage"), provider, None)
            output = listed(member(provider, "output"))
            if call.failure is not None:
                code, message = 2, call.failure.error or message
            elif call.attempt is not None and output:  # the model answered; what failed came after that
                code, message = 0, ""
            words = content.output_text(output) if output else "".join(call.text_parts)
            self._answer(call.step, output, words or None, provider)
            self._times(call.step, call.failure or call.attempt)
        call.step.status(code, message or None).end()

    def _flush_failure(self, call: _OpenCall) -> None:
        """Make a step of the attempt that failed: it was not the last one."""
        failure, call.failure = call.failure, None
        if failure is not None:
            call.failed += 1
            self._failed_step(call, failure, failure.error or "the attempt failed")

    @staticmethod
    def _provider_response(call: _OpenCall) -> object:
        traced = call.attempt and call.attempt.response
        return call.final if traced is None else traced

    def _answer(self, step: Step, output: list[object], words: str | None, provider: object) -> None:
        step.finish_reason(content.finish_reason(output, provider))  # type: ignore[arg-type]  # None leaves it out
        step.response(words if self._content else None)  # type: ignore[arg-type]  # see above

    def _describe(self, call: _OpenCall, usage: object, provider: object, response: object) -> None:
        """Set everything that does not depend on how the call ended."""
        step, request = call.step, call.request
        traced = call.attempt and call.attempt.model
        step.prompt(request.prompt)  # type: ignore[arg-type]  # None leaves it out
        step.model(request.model or traced, content.model_used(provider))
        step.tokens(*content.tokens(usage))
        if call.first_token_ms is not None:
            step.ttft_ms(round(call.first_token_ms, 3))
        if self._content:
            tools = listed(member(provider, "tools"))
            step.tool_definitions(content.as_json(tools) if tools else request.definitions)  # type: ignore[arg-type]
        known = {
            "agent": request.agent,
            "turn": self._count,
            "failed_attempts": call.failed,
            "prompt_items_left_out": request.left_out,
            "reasoning_tokens": count(member(usage, "output_tokens_details"), "reasoning_tokens"),
            "response_id": word(response, "response_id"),
            "request_id": word(response, "request_id"),
        }
        step.attributes({name: value for name, value in known.items() if value})

    def _failed_step(self, call: _OpenCall, attempt: Attempt | None, message: str) -> None:
        step = self._run.step()
        step.prompt(call.request.prompt)  # type: ignore[arg-type]  # None leaves it out
        step.model(call.request.model or (attempt and attempt.model))
        step.attributes({"agent": call.request.agent, "turn": self._count})
        if self._content and call.request.definitions:
            step.tool_definitions(call.request.definitions)
        self._times(step, attempt)
        step.error(message)

    @staticmethod
    def _times(step: Step, attempt: Attempt | None) -> None:
        """Use the times of the request itself, if its span is known."""
        if attempt is not None and attempt.began is not None:
            step.start_time(attempt.began)
        if attempt is not None and attempt.ended is not None:
            step.end_time(attempt.ended)
