"""contextcompany.crewai: a crew of one that calls a tool."""

from contextcompany.crewai import instrument_crewai, set_metadata
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from fake_llm import serve

instrument_crewai()
set_metadata({"tcc.runId": "sample-crewai", "tcc.sessionId": "sample-official"})


@tool("find_order")
def find_order(order: int) -> str:
    """Tell where an order is."""
    return f"{order} is shipped with DHL"


model = LLM(model="openai/gpt-4o", base_url=serve(), api_key="none")
agent = Agent(role="support", goal="Answer", backstory="A book shop", llm=model, tools=[find_order])
task = Task(description="Where is order 1042?", expected_output="One sentence", agent=agent)
print(Crew(agents=[agent], tasks=[task]).kickoff())
