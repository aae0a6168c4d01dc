"""contextcompany.agno: an agent that calls a tool."""

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from contextcompany.agno import instrument_agno
from fake_llm import serve

instrument_agno()


def find_order(order: int) -> str:
    """Tell where an order is."""
    return f"{order} is shipped with DHL"


agent = Agent(model=OpenAIChat(id="gpt-4o", base_url=serve(), api_key="none"), tools=[find_order], telemetry=False)
print(agent.run("Where is order 1042?", metadata={"tcc.runId": "sample-agno"}).content)
