"""A step tells what its model was sent, not what its agent was made with."""

import json
from typing import Any

import pytest

from support.agents_world import APIS, Script, agents, drive
from tcc_recorder.openai_agents import model_request
from tcc_recorder.testing import Captured

pytest.importorskip("mcp", reason="comes with openai-agents")

from agents.mcp import MCPServer
from mcp.types import Tool

pytestmark = [pytest.mark.parametrize("api", APIS), pytest.mark.usefixtures("tracing")]


class Seeing(Script):
    """A scripted model that keeps the names of the tools and handoffs that it is given."""

    saw: list[str]

    async def get_response(self, *args: Any, tools: Any = (), handoffs: Any = (), **options: Any) -> Any:
        """See the base class."""
        self.saw = [*(tool.name for tool in tools), *(handoff.tool_name for handoff in handoffs)]
        return await super().get_response(
            options.pop("system_instructions", None), options.pop("input", None), *args, **options
        )

    async def stream_response(self, *args: Any, **options: Any) -> Any:
        """See the base class."""
        tools, handoffs = args[3], args[5]
        self.saw = [*(tool.name for tool in tools), *(handoff.tool_name for handoff in handoffs)]
        async for event in super().stream_response(*args, **options):
            yield event


class Server(MCPServer):
    """An MCP server with one tool."""

    name = "fake"
    listed = 0

    async def list_tools(self, *_: Any, **__: Any) -> list[Tool]:
        """See the base class."""
        self.listed += 1
        return [Tool(name="from_mcp", inputSchema={"type": "object", "properties": {}})]

    async def connect(self) -> None:
        """See the base class."""

    async def call_tool(self, *_: Any, **__: Any) -> Any:
        """See the base class."""

    cleanup = connect
    list_prompts = get_prompt = call_tool


def tool(name: str, *, enabled: Any) -> Any:
    """Return a tool that is enabled or not."""
    return agents.function_tool(lambda: "x", name_override=name, is_enabled=enabled)


def agent(model: Any, **options: Any) -> Any:
    """Return an agent with tools and handoffs, of which some are switched off."""
    return agents.Agent(
        name="a",
        model=model,
        tools=[tool("on", enabled=True), tool("off", enabled=False), tool("by_user", enabled=lambda *_: False)],
        handoffs=[
            agents.Agent(name="b"),
            agents.handoff(agents.Agent(name="c"), is_enabled=False),
            agents.handoff(agents.Agent(name="d"), is_enabled=lambda *_: False),
        ],
        **options,
    )


def told(captured: Captured) -> list[str]:
    """Return the names in the tool definitions of the only step."""
    [step] = captured.steps
    return [definition["name"] for definition in json.loads(step["tool_definitions"])]


def test_a_step_tells_the_tools_that_the_model_was_sent(captured: Captured, api: str) -> None:
    """Those of MCP servers too, and none that is disabled; the servers and the program are not asked once more."""
    model, server = Seeing("yes"), Server()
    drive(api, agent(model, mcp_servers=[server]))
    assert sorted(told(captured)) == sorted(model.saw) == ["from_mcp", "on", "transfer_to_b"]
    assert server.listed == 1


def test_where_the_sdk_does_not_show_what_it_sends(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    """The agent's tools are told, without those that are switched off for good."""
    monkeypatch.setattr(model_request, "_MOST_FRAMES", 0)
    drive(api, agent(Script("yes")))
    assert told(captured) == ["on", "by_user", "transfer_to_b", "transfer_to_d"]


def test_a_model_that_only_the_provider_names(captured: Captured, api: str) -> None:
    """The name is that of the provider's model, and no default of the SDK."""

    class Provider(agents.ModelProvider):
        def get_model(self, model_name: str | None) -> Any:
            found = Script("yes")
            found.model = model_name or "house-model"  # type: ignore[attr-defined]
            return found

    for name in (None, "by-agent"):
        drive(api, agents.Agent(name="a", model=name), run_config=agents.RunConfig(model_provider=Provider()))
    assert [step["model_requested"] for step in captured.steps] == ["house-model", "by-agent"]
