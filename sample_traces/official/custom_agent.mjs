// @contextcompany/custom: a run with a step and a tool call, and feedback.
import { run, submitFeedback } from "@contextcompany/custom";

const r = run({ sessionId: "sample-official", conversational: true });
r.prompt({ user_prompt: "Where is order 1042?", system_prompt: "You are the support agent of a book shop." });
const call = r.toolCall("find_order");
call.args({ order: 1042 });
call.result({ state: "shipped", carrier: "DHL" });
call.end();
const step = r.step();
step.prompt("shipped, DHL");
step.response("It arrives today, around noon.");
step.model({ requested: "gpt-4o", used: "gpt-4o-2024-08-06" });
step.tokens({ uncached: 42, cached: 0, completion: 7 });
step.end();
r.response("It arrives today, around noon.");
await r.end();
await submitFeedback({ runId: r.runId, score: "thumbs_up" });
