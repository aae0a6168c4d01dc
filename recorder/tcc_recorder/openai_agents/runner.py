"""A default runner that passes every run on to the one before it, and records it."""

from typing import Any

from agents import Agent, RunResult, RunResultStreaming
from agents.items import TResponseInputItem
from agents.run import AgentRunner, RunOptions
from agents.run_state import RunState
from typing_extensions import Unpack

from .passage import Options, Passage

Input = str | list[TResponseInputItem] | RunState[Any]


class RecordingRunner(AgentRunner):
    """Records the runs that pass through it on their way to ``inner``; anything else of it is ``inner``'s."""

    def __init__(self, inner: AgentRunner, options: Options) -> None:
        self.inner = inner
        self.options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)

    @property
    def was_patched(self) -> bool:
        """Whether somebody put a method of their own on this object, which would go with it."""
        return not self.__dict__.keys().isdisjoint(("run", "run_sync", "run_streamed"))

    async def run(
        self,
        starting_agent: Agent[Any],
        input: Input,  # noqa: A002 -- the SDK's name
        **kwargs: Unpack[RunOptions[Any]],
    ) -> RunResult:
        """Run an agent, and record it."""
        with Passage("run", starting_agent, input, kwargs, self.options) as passage:
            result = await self.inner.run(starting_agent, input, **passage.kwargs)
            passage.result = result
        return result

    def run_sync(
        self,
        starting_agent: Agent[Any],
        input: Input,  # noqa: A002 -- the SDK's name
        **kwargs: Unpack[RunOptions[Any]],
    ) -> RunResult:
        """Run an agent to its end, and record it."""
        with Passage("run_sync", starting_agent, input, kwargs, self.options) as passage:
            result = self.inner.run_sync(starting_agent, input, **passage.kwargs)
            passage.result = result
        return result

    def run_streamed(
        self,
        starting_agent: Agent[Any],
        input: Input,  # noqa: A002 -- the SDK's name
        **kwargs: Unpack[RunOptions[Any]],
    ) -> RunResultStreaming:
        """Start a run, and record it when it ends, whether or not anybody reads it."""
        with Passage("run_streamed", starting_agent, input, kwargs, self.options) as passage:
            result = self.inner.run_streamed(starting_agent, input, **passage.kwargs)
            passage.result = result
        return result
