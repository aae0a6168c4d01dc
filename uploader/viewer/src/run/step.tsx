import { useMemo, useState } from "preact/hooks";
import type { Json, Members, RunBody } from "../data/format";
import { Copy } from "../parts/copy";
import { Pairs } from "../parts/facts";
import { Text } from "../parts/text";
import { asNumber, asText, member, parsed, pretty } from "../text/json";
import { messages, sharedBeginning, type Message } from "../text/messages";
import { count, counted, duration } from "../text/numbers";
import { oneLine, visible } from "../text/visible";

/** How many of a step's messages are known already: from the step before, or from the run's own prompt. */
function known(sent: Message[], before: Message[] | null, run: Members | null): number {
  const shared = before ? sharedBeginning(before, sent) : 0;
  if (shared) return shared;
  const prompt = member(run, "prompt");
  const asked = sent.findLastIndex((one) => one.role === "user" && one.text === member(prompt, "user_prompt"));
  return asked >= 0 ? asked + 1 : Number(sent[0]?.text === member(prompt, "system_prompt"));
}

function OneMessage({ message }: { message: Message }) {
  const label = { call: `→ ${message.name}`, result: "← result", text: message.role }[message.kind];
  return (
    <div class={`part ${message.role === "user" ? "user" : ""}`}>
      <b>{oneLine(label)}</b>
      <Text value={message.text} data={message.kind !== "text"} />
    </div>
  );
}

interface Props {
  body: RunBody;
  step: Members;
  /** Its place among the steps, from 0. */
  index: number;
  /** The key of the recorded tool call that belongs to a message, if there is one. */
  toolOf: (call: string | undefined) => string | undefined;
  onSelect: (key: string) => void;
}

/** What was sent: what is new in it, and all of it when asked. */
function Sent({ body, step, index, toolOf }: Props) {
  const [all, showAll] = useState(false);
  const sent = useMemo(() => messages(step["prompt"]), [step]);
  const fresh = useMemo(() => {
    if (!sent) return [];
    const before = body.steps[index - 1];
    const from = known(sent, before ? messages(before["prompt"]) : null, body.run);
    return sent.slice(from).filter((one) => one.kind === "text" || !toolOf(one.call)); // calls have their own cards
  }, [sent]);
  if (!sent) {
    return (
      <section>
        <h3>
          sent <Copy text={() => asText(step["prompt"])} />
        </h3>
        <Text value={step["prompt"]} />
      </section>
    );
  }
  return (
    <section>
      <h3>
        sent{" "}
        <button type="button" class="link" aria-expanded={all} onClick={() => showAll(!all)}>
          {all ? "only what is new" : `${counted(sent.length, "message")}, ${fresh.length ? `${fresh.length} new` : "nothing new"}`}
        </button>
      </h3>
      {(all ? sent : fresh).map((message) => (
        <OneMessage message={message} />
      ))}
    </section>
  );
}

/** What the model answered; tool calls are links to what came of them. */
function Answered({ body, step, toolOf, onSelect }: Props) {
  const answered = useMemo(() => messages(step["response"]), [step]);
  const response = step["response"];
  if (response === undefined || response === null) return null;
  return (
    <section>
      <h3>answered</h3>
      {answered?.map((message) => {
        const tool = toolOf(message.kind === "call" ? message.call : undefined);
        if (!tool) return <OneMessage message={message} />;
        return (
          <p class="cut">
            →{" "}
            <button type="button" class="link" onClick={() => onSelect(tool)}>
              {oneLine(message.name ?? "")}
            </button>{" "}
            <code class="dim">{oneLine(message.text).slice(0, 200)}</code>
          </p>
        );
      })}
      {!answered && response === member(body.run, "response") && <p class="dim">the response below</p>}
      {!answered && response !== member(body.run, "response") && <Text value={response} />}
    </section>
  );
}

/** The names of the tools that were offered. */
function toolNames(definitions: Json | undefined): string {
  const tree = typeof definitions === "string" ? parsed(definitions) : definitions;
  if (!Array.isArray(tree)) return "";
  return tree.map((tool) => asText(member(tool, "name") ?? member(member(tool, "function"), "name"))).join(", ");
}

function Details({ step }: { step: Members }) {
  const [asked, used] = [asText(step["model_requested"]), asText(step["model_used"])];
  const tokens = (name: string, word: string): string => `${count(asNumber(step[name]))} ${word}`;
  const pairs: [string, string][] = [
    ["model", used && asked && used !== asked ? `${asked} → ${used}` : used || asked],
    ["finish", asText(step["finish_reason"])],
    ["tokens", [tokens("prompt_uncached_tokens", "in"), tokens("prompt_cached_tokens", "cached"), tokens("completion_tokens", "out")].join(" · ")],
    ["cost", typeof step["real_total_cost"] === "number" ? `$${step["real_total_cost"]}` : ""],
    ["first token", typeof step["ttft_ms"] === "number" ? duration(step["ttft_ms"]) : ""],
    ["tools offered", toolNames(step["tool_definitions"])],
    ["attributes", asText(step["attributes"])],
    ["step_id", asText(step["step_id"])],
  ];
  const [open, toggle] = useState(false);
  return (
    <details class="more" onToggle={(event) => toggle(event.currentTarget.open)}>
      <summary>details</summary>
      {open && <Pairs pairs={pairs.filter(([, value]) => value !== "")} />}
      {open && step["tool_definitions"] !== undefined && (
        <section>
          <h3>tool definitions</h3>
          <Text value={step["tool_definitions"]} data />
        </section>
      )}
    </details>
  );
}

/** The inside of a step's card. */
export function Step(props: Props) {
  const { step } = props;
  return (
    <>
      {step["status_message"] !== undefined && <p class="error-line">{visible(asText(step["status_message"]))}</p>}
      {step["prompt"] !== undefined && <Sent {...props} />}
      <Answered {...props} />
      <Details step={step} />
    </>
  );
}

/** The inside of the card of any other span: what went in beside what came out, and all else that is known. */
export function Other({ span }: { span: Members }) {
  const texts: [string, Json | undefined][] = [["input", span["input"]], ["output", span["output"]]];
  const told = texts.filter(([, value]) => value !== undefined);
  return (
    <>
      {span["status_message"] !== undefined && <p class="error-line">{visible(asText(span["status_message"]))}</p>}
      {told.length > 0 && (
        <div class="in-out">
          {told.map(([name, value]) => (
            <section>
              <h3>{name}</h3>
              <Text value={value} data />
            </section>
          ))}
        </div>
      )}
      {span["attributes"] !== undefined && (
        <section>
          <h3>attributes</h3>
          <Text value={span["attributes"]} data />
        </section>
      )}
    </>
  );
}

/** The inside of a tool call's card: arguments beside the result. */
export function Tool({ tool }: { tool: Members }) {
  return (
    <>
      {tool["status_message"] !== undefined && <p class="error-line">{visible(asText(tool["status_message"]))}</p>}
      <div class="in-out">
        <section>
          <h3>arguments</h3>
          {pretty(tool["args"]) ? <Text value={tool["args"]} data /> : <p class="dim">none</p>}
        </section>
        {tool["result"] !== undefined && (
          <section>
            <h3>result</h3>
            <Text value={tool["result"]} data />
          </section>
        )}
      </div>
    </>
  );
}
