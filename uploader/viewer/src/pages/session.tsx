import { useMemo, useState } from "preact/hooks";
import type { RunBody } from "../data/format";
import type { Report, RunNumber } from "../data/report";
import { turnsOf } from "../data/sessions";
import { Bar } from "../parts/bar";
import { useBody } from "../parts/body";
import { useReport } from "../parts/context";
import { Copy } from "../parts/copy";
import { Facts } from "../parts/facts";
import { Status } from "../parts/status";
import { Text } from "../parts/text";
import { Unknown } from "../parts/unknown";
import { runAddress } from "../route";
import { filter, listOf, measure } from "../search/query";
import { asText, member } from "../text/json";
import { count, dollars, duration, minute, moment, short, took } from "../text/numbers";
import { statusOf } from "../text/status";
import { oneLine, visible } from "../text/visible";

const SHOWN = 50; // turns
const GAP = 30_000; // milliseconds; a longer pause between two turns is told

/** Tokens that were sent to the models of a run. */
const context = ({ columns: c }: Report, run: RunNumber): number => c.tokens_in[run]! + c.tokens_cached[run]!;

function Answer({ body }: { body: RunBody }) {
  const error = member(body.run, "status_message");
  const response = member(body.run, "response");
  return (
    <>
      {error !== undefined && <p class="error-line">{visible(asText(error))}</p>}
      {response !== undefined && <Text value={response} />}
      {error === undefined && response === undefined && <p class="dim">No answer was recorded.</p>}
      {body.tools.length > 0 && (
        <p class="tags">
          {body.tools.map((tool) => (
            <span class={statusOf(tool["status_code"]) === 2 ? "tag bad" : "tag"}>
              {statusOf(tool["status_code"]) === 2 && "✕ "}
              {oneLine(asText(tool["tool_name"]))}
            </span>
          ))}
        </p>
      )}
    </>
  );
}

/** One turn: the prompt right, the answer left. */
function Turn({ run, most }: { run: RunNumber; most: number }) {
  const report = useReport();
  const { columns: c } = report;
  const [body, trouble] = useBody(run);
  const feedback = ["", " ▲", " ▼", " ✎"][c.feedback[run]!];
  return (
    <article class={`turn of${c.status[run]!}`}>
      <div class="bubble user">
        <Text value={member(member(body?.run ?? null, "prompt"), "user_prompt") ?? c.prompt[run]!} />
      </div>
      <div class="bubble">
        {body ? <Answer body={body} /> : <p class="dim">{trouble || "Reading…"}</p>}
      </div>
      <a class="turn-facts" href={runAddress(c.id[run]!)}>
        <Status status={c.status[run]!} /> {minute(c.start[run]!)} · {took(c, run)} · {dollars(c.cost[run]!)} · context{" "}
        {short(context(report, run))} <Bar part={context(report, run) / most} />
        {feedback} <b>open</b>
      </a>
    </article>
  );
}

/** A session as a conversation. */
export function Session({ id }: { id: string }) {
  const report = useReport();
  const { columns: c } = report;
  const turns = useMemo(() => turnsOf(report, id), [report, id]);
  const [shown, show] = useState(SHOWN);
  if (turns.length === 0) {
    return <Unknown what="session" id={id} all="#/sessions" />;
  }
  const sum = (value: (run: RunNumber) => number): number => turns.reduce((all, run) => all + value(run), 0);
  const failed = sum((run) => (c.status[run] === 2 ? 1 : 0));
  const most = Math.max(1, ...turns.map((run) => context(report, run)));
  return (
    <main id="main" class="page">
      <header class="page-head">
        <p class="crumb">
          <a href="#/sessions">Sessions</a> ›
        </p>
        <h1>{oneLine(id)}</h1>
        <p class="ids">
          <Copy text={() => id} label="Copy id" /> <a href={listOf(filter("session", id))}>as a list</a>
        </p>
        <Facts
          facts={[
            ["turns", `${count(turns.length)}${failed ? ` · ${count(failed)} failed` : ""}`],
            ["agent time", duration(sum((run) => c.took[run]!))],
            ["tokens", short(sum(measure(report, "tokens")))],
            ["cost", dollars(sum((run) => c.cost[run]!))],
            ["began", `${moment(c.start[turns[0]!]!)} UTC`],
          ]}
        />
      </header>
      <div class="chat">
        {turns.slice(0, shown).map((run, n) => {
          const before = turns[n - 1];
          const pause = before === undefined ? 0 : c.start[run]! - c.start[before]! - c.took[before]!;
          return (
            <>
              {pause > GAP && <p class="gap">{duration(pause)} later</p>}
              <Turn key={run} run={run} most={most} />
            </>
          );
        })}
        {shown < turns.length && (
          <button type="button" onClick={() => show(shown + SHOWN)}>
            {count(turns.length - shown)} more turns
          </button>
        )}
      </div>
    </main>
  );
}
