"""contextcompany itself: a run with a step and a tool call, and feedback."""

import contextcompany

run = contextcompany.run(session_id="sample-official", conversational=True)
run.prompt("Where is order 1042?", system_prompt="You are the support agent of a book shop.")
call = run.tool_call("find_order")
call.args({"order": 1042}).result({"state": "shipped", "carrier": "DHL"}).end()
step = run.step()
step.prompt("shipped, DHL").response("It arrives today, around noon.").model(
    requested="gpt-4o", used="gpt-4o-2024-08-06"
)
step.tokens(prompt_uncached=42, completion=7).finish_reason("stop").end()
run.metadata({"agent": "support"}).response("It arrives today, around noon.").end()
contextcompany.submit_feedback(run_id=run.run_id, score="thumbs_up")
