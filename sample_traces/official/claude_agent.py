"""contextcompany.claude: the Claude Agent SDK, with a transport in place of the command that it starts."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport
from contextcompany.claude import TCCConfig, instrument_claude_client

MESSAGES = [
    {"type": "system", "subtype": "init", "session_id": "s", "model": "claude-sonnet-4-5", "tools": ["Read"]},
    {
        "type": "assistant",
        "session_id": "s",
        "message": {
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "orders/1042"}}],
        },
    },
    {
        "type": "user",
        "session_id": "s",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "shipped with DHL"}],
        },
    },
    {
        "type": "assistant",
        "session_id": "s",
        "message": {
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "It arrives today, around noon."}],
        },
    },
    {
        "type": "result",
        "subtype": "success",
        "session_id": "s",
        "duration_ms": 1200,
        "duration_api_ms": 900,
        "is_error": False,
        "num_turns": 2,
        "total_cost_usd": 0.0031,
        "usage": {"input_tokens": 42, "output_tokens": 7},
        "result": "It arrives today, around noon.",
    },
]


class Scripted(Transport):
    """Answers each question with the same messages."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def connect(self) -> None:
        """Connect to nothing."""

    async def write(self, data: str) -> None:
        """Take what the SDK says: agree to each request for control, and answer each message of the user."""
        said = json.loads(data)
        if said["type"] == "control_request":
            response = {"subtype": "success", "request_id": said["request_id"], "response": {}}
            await self._answers.put({"type": "control_response", "response": response})
        elif said["type"] == "user":
            for message in MESSAGES:
                await self._answers.put(message)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the answers."""
        while True:
            yield await self._answers.get()

    async def close(self) -> None:
        """Close nothing."""

    def is_ready(self) -> bool:
        """Say yes."""
        return True

    async def end_input(self) -> None:
        """End nothing."""


async def main() -> None:
    """Ask once."""
    async with instrument_claude_client(ClaudeSDKClient(ClaudeAgentOptions(), transport=Scripted())) as client:
        await client.query("Where is order 1042?", tcc_config=TCCConfig(run_id="sample-claude", session_id="official"))
        async for message in client.receive_response():
            print(type(message).__name__)


asyncio.run(main())
