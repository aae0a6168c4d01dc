"""A model on loopback that speaks OpenAI's protocol: it calls a tool once, if it is given one, and then answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "It arrives today, around noon."


def serve() -> str:
    """Start the model in a thread of this program; return its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/v1"


class _Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(_completion(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        pass


def _completion(asked: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ANSWER}
    tools = asked.get("tools")
    if tools and all(each["role"] != "tool" for each in asked["messages"]):
        call = {"name": tools[0]["function"]["name"], "arguments": json.dumps({"order": 1042})}
        message = {"role": "assistant", "content": None, "tool_calls": [_call(call)]}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1769860800,
        "model": f"{asked['model']}-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if message["content"] else "tool_calls"}],
        "usage": {"prompt_tokens": 42, "completion_tokens": 7, "total_tokens": 49},
    }


def _call(function: dict[str, str]) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": function}
