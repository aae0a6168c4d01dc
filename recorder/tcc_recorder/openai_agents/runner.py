"""A default runner that records each run and forwards it to the runner that was there before."""

from typing import Any

from agents import Agent, RunResult, RunResultStreaming
from agents.items import TResponseInputItem
from agents.run import AgentRunner, RunOptions
from agents.run_state import RunState
from typing_extensions import Unpack

from .runner_call import Options, RunnerCall

Input = str | list[TResponseInputItem] | RunState[Any]


class RecordingRunner(AgentRunner):
    """Records each run and forwards it to ``inner``; all other attributes are those of ``inner``."""

    def __init__(self, inner: AgentRunner, options: Options) -> None:
        self.inner = inner
        self.options = options

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)

    @property
    def was_patched(self) -> bool:
        """Whether other code replaced a method on this object: removing the object would remove that method too."""
        return not self.__dict__.keys().isdisjoint(("run", "run_sync", "run_streamed"))

    async def run(
        self,
        starting_agent: Agent[Any],
        input: Input,  # noqa: A002 -- the SDK's name
        **kwargs: Unpack[RunOptions[Any]],
    ) -> RunResult:
        """Run an agent, and record it."""
        with RunnerCall("run", starting_agent, input, kwargs, self.options) as call:
            result = await self.inner.run(starting_agent, input, **call.kwargs)
            call.result = result
        return result

    def run_sync(
        self,
        starting_agent: Agent[Any],
        input: Input,  # noqa: A002 -- the SDK's name
        **kwargs: Unpack[RunOptions[Any]],
    ) -> RunResult:
        """Run an agent synchronously, and record it."""
        with RunnerCall("run_sync", starting_agent, input, kwargs, self.options) as call:
            result = self.inner.run_sync(starting_agent, input, **call.kwargs)
            call.result = result
        return result

    def run_streamed(
        self,
        starting_agent: Agent[Any],
        input: Input,  # noqa: A002 -- the SDK's name
        **kwargs: Unpack[RunOptions[Any]],
    ) -> RunResultStreaming:
        """Start a streamed run, and record it when it ends, even if nobody reads its events."""
        with RunnerCall("run_streamed", starting_agent, input, kwargs, self.options) as call:
            result = self.inner.run_streamed(starting_agent, input, **call.kwargs)
            call.result = result
        return result
