"""An agent that records its runs: no network, no key, no thread.

python examples/record.py            # writes to the default spool
TCC_SPOOL_DIR=/tmp/spool python examples/record.py
"""

import tcc_recorder as tcc

# the calls of the `contextcompany` package
run = tcc.run(session_id="conversation-7", conversational=True)
run.prompt("What is the weather in Bern?", system_prompt="You are a weather assistant.")

call = run.tool_call("get_weather")
call.args({"city": "Bern"}).result({"celsius": 4, "sky": "fog"}).end()

step = run.step()
step.prompt("weather in Bern: 4 °C, fog").response("It is 4 °C and foggy in Bern.")
step.model(requested="gpt-4o", used="gpt-4o-2024-08-06").tokens(prompt_uncached=120, completion=14).cost(0.0004)
step.end()

run.metadata(agent="weather", version="1.2").response("It is 4 °C and foggy in Bern.").end()
run.feedback(score="thumbs_up")

# a `with` block ends the run, and records an exception as its error
try:
    with tcc.run(session_id="conversation-7") as failing:
        failing.prompt("And tomorrow?")
        raise TimeoutError("the forecast did not answer")
except TimeoutError:
    pass

print(f"recorded runs {run.run_id} and {failing.run_id}")
