import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import type { Post, RunBody } from "../data/format";
import { Copy } from "../parts/copy";
import { useReport } from "../parts/context";
import { Disclosure } from "../parts/disclosure";
import { Status } from "../parts/status";
import { Text } from "../parts/text";
import { runAddress } from "../route";
import { asNumber, asText, member, pretty } from "../text/json";
import { count, dollars, duration, short, took } from "../text/numbers";
import { statusOf } from "../text/status";
import { oneLine, visible } from "../text/visible";
import type { Call } from "./calls";
import { Pages } from "./pages";
import { Other, Step, Tool } from "./step";

const FEW = 12; // calls; of more, only the failing ones begin open

/** A text of the run itself: system prompt, user prompt, response. */
function Spoken({ kind, who, text, begins = true }: { kind: string; who: string; text: string; begins?: boolean }) {
  const [open, toggle] = useState(begins);
  const head = (
    <>
      <b>{who}</b>
      {!open && <span class="about">{count(text.length)} characters</span>}
    </>
  );
  return (
    <Disclosure kind={kind} open={open} onToggle={toggle} head={head} side={<Copy text={() => text} />}>
      {() => <Text value={text} />}
    </Disclosure>
  );
}

/** When, how long, how many tokens, and for how much. */
function StepFacts({ call: { begin, end, item } }: { call: Call }) {
  const sent = asNumber(item["prompt_uncached_tokens"]) + asNumber(item["prompt_cached_tokens"]);
  const cost = item["real_total_cost"];
  return (
    <span class="about">
      <span class="wide-only">+{duration(begin)} · </span>
      {duration(end - begin)}
      <span class="middle-only"> · {short(sent)} → {short(asNumber(item["completion_tokens"]))} tokens</span>
      {typeof cost === "number" && ` · ${dollars(Math.round(cost * 1e6))}`}
    </span>
  );
}

/** A sub-run, or a run of a test: what was asked, at which call it failed, and what it cost. */
function SubRun({ call }: { call: Call }) {
  const { columns: c } = useReport();
  const run = call.number;
  return (
    <>
      <Status status={call.status} />
      <b class="cut">{oneLine(call.name)}</b>
      {c.failed_call[run] && <code class="cut bad">{oneLine(c.failed_call[run]!)}</code>}
      <span class="about">
        {took(c, run)} · {dollars(c.cost[run]!)}
      </span>
    </>
  );
}

function Head({ call }: { call: Call }) {
  if (call.kind === "step") {
    return (
      <>
        <Status status={call.status} />
        <b class="together">Step {call.number}</b>
        <span class="tag cut">{oneLine(call.name)}</span>
        <StepFacts call={call} />
      </>
    );
  }
  return (
    <>
      <Status status={call.status} />
      <b class="cut">{oneLine(call.name)}</b>
      <span class="about">
        <span class="wide-only">+{duration(call.begin)} · </span>
        {duration(call.end - call.begin)}
      </span>
    </>
  );
}

const FORMS = { json: "JSON", text: "begins with", base64: "begins with, in base64" };

/** A request that can't be read: what it is, why, and its JSON or the beginning of its bytes. */
function Posted({ post }: { post: Post }) {
  const [open, toggle] = useState(true);
  const head = (
    <>
      <b class="cut">
        {oneLine(post.kind)} {oneLine(post.path)}
      </b>
      <span class="about">
        {count(post.size)} bytes<span class="middle-only"> · {oneLine(post.type)}{post.encoding && `, ${oneLine(post.encoding)}`}</span>
      </span>
    </>
  );
  return (
    <Disclosure kind="span" open={open} onToggle={toggle} head={head}>
      {() => (
        <>
          <p class="dim">Shown as posted: {visible(post.reason)}</p>
          {(["json", "text", "base64"] as const).map((form) => form in post.body && (
            <section>
              <h3>{FORMS[form]}</h3>
              <Text value={post.body[form]} data />
            </section>
          ))}
        </>
      )}
    </Disclosure>
  );
}

interface Props {
  body: RunBody;
  calls: Call[];
  selected: string;
  onSelect: (key: string) => void;
}

/** The run as it was spoken: prompts, each step with what is new in it, tools, the response. */
export function Conversation({ body, calls, selected, onSelect }: Props) {
  const { columns: c } = useReport();
  const [opened, setOpened] = useState<{ [key: string]: boolean }>({});
  const toolKeys = useMemo(() => {
    const keys = new Map<string, string>();
    for (const { kind, key, item } of calls) {
      if (kind !== "tool") continue;
      for (const id of [member(item["attributes"], "call_id"), item["tool_call_id"]]) if (id) keys.set(asText(id), key);
    }
    return keys;
  }, [calls]);
  const isOpen = ({ key, status }: Call): boolean => opened[key] ?? (calls.length <= FEW || status === 2 || key === selected);
  useLayoutEffect(() => {
    if (selected) document.getElementById(selected)?.scrollIntoView({ block: "start" });
  }, [selected]);

  const card = (call: Call) => {
    const kind = `${call.kind}${call.status === 2 ? " failed" : ""}${call.key === selected ? " selected" : ""}`;
    if (call.kind === "run") {
      return (
        <a key={call.key} id={call.key} class={`message ${kind}`} href={runAddress(c.id[call.number]!)}>
          <SubRun call={call} />
        </a>
      );
    }
    const side = call.kind === "tool" && (
      <>
        <Copy text={() => pretty(call.item["args"])} label="Copy arguments" />
        <Copy text={() => pretty(call.item["result"])} label="Copy result" />
      </>
    );
    return (
      <Disclosure
        key={call.key}
        id={call.key}
        kind={kind}
        open={isOpen(call)}
        onToggle={(open) => open !== isOpen(call) && setOpened((before) => ({ ...before, [call.key]: open }))}
        head={<Head call={call} />}
        side={side}
      >
        {() =>
          call.kind === "tool" ? (
            <Tool tool={call.item} />
          ) : call.kind === "span" ? (
            <Other span={call.item} />
          ) : (
            <Step body={body} step={call.item} index={call.number - 1} toolOf={(id) => toolKeys.get(id ?? "")} onSelect={onSelect} />
          )
        }
      </Disclosure>
    );
  };

  const prompt = member(body.run, "prompt");
  const system = asText(member(prompt, "system_prompt"));
  const user = asText(member(prompt, "user_prompt"));
  const response = asText(member(body.run, "response"));
  return (
    <section class="conversation" aria-label="Conversation">
      {system && <Spoken kind="system" who="System" text={system} begins={false} />}
      {user && <Spoken kind="user" who="User" text={user} />}
      <Pages items={calls} wanted={calls.findIndex((call) => call.key === selected)}>
        {card}
      </Pages>
      {body.posts?.map((post) => <Posted post={post} />)}
      {response && <Spoken kind={`answer of${statusOf(member(body.run, "status_code"))}`} who="Response" text={response} />}
    </section>
  );
}
