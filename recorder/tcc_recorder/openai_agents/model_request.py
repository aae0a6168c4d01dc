"""What the SDK is about to send to a model.

Which tools and handoffs a model gets is decided for each turn: some are disabled, some come from MCP servers, names may
collide.  No hook, span or result tells the decision, and to ask again would call the program's functions and servers
once more.  But the function of the SDK that calls ``on_llm_start`` holds it, in variables of the same names in every
version that we know: so they are read there.
"""

from types import FrameType
from typing import Any, Final, NamedTuple

from agents import Agent, Handoff
from agents.models import get_default_model

from tcc_recorder.values import text

from .details import is_a, listed, member, word

_MOST_FRAMES: Final = 4
"""Other tools may stand between the SDK and us."""


class ModelRequest(NamedTuple):
    """The tools and handoffs that are offered to the model, and the name of the model, if it has one."""

    tools: list[Any]
    handoffs: list[Any]
    model: str | None


def sent_to_model(frame: FrameType | None, agent: object, configured: object) -> ModelRequest:
    """Return what is sent to the model on behalf of ``agent``; ``configured`` is the model of the run's configuration.

    ``frame`` is the caller of ``on_llm_start``.  If it is not the SDK's, the answer is what the agent would offer.
    """
    named = configured if configured is not None else member(agent, "model")
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        if text(frame.f_globals.get("__name__")).startswith("agents."):
            local = frame.f_locals
            tools, handoffs, model = local.get("all_tools"), local.get("handoffs"), local.get("model")
            if type(tools) is list and type(handoffs) is list:
                return ModelRequest(tools, handoffs, _name(named if is_a(named, str) else model))
        frame = frame.f_back
    tools = [tool for tool in listed(member(agent, "tools")) if member(tool, "is_enabled") is not False]
    return ModelRequest(tools, handoff_tools(agent), get_default_model() if named is None else _name(named))


def handoff_tools(agent: object) -> list[Any]:
    """Return the handoffs of an agent, without those that are switched off for good."""
    found = []
    for handoff in listed(member(agent, "handoffs")):
        if is_a(handoff, Agent):
            name, words = Handoff.default_tool_name(handoff), Handoff.default_tool_description(handoff)
            found.append({"tool_name": name, "tool_description": words})
        elif member(handoff, "is_enabled") is not False:
            found.append(handoff)
    return found


def _name(model: object) -> str | None:
    """Return the name of a model, which is a text, or an object that may have a name or not."""
    return text(model) if is_a(model, str) else word(model, "model")
