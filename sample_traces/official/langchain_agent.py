"""contextcompany.langchain: an agent that calls a tool."""

from contextcompany.langchain import instrument_langchain
from fake_llm import serve
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

instrument_langchain()


@tool
def find_order(order: int) -> str:
    """Tell where an order is."""
    return f"{order} is shipped with DHL"


agent = create_agent(ChatOpenAI(model="gpt-4o", base_url=serve(), api_key="none"), [find_order])
question = {"messages": [{"role": "user", "content": "Where is order 1042?"}]}
print(agent.invoke(question, config={"metadata": {"tcc.runId": "sample-langchain"}})["messages"][-1].content)
