import type { RunNumber } from "../data/report";
import { Bar } from "../parts/bar";
import { useReport } from "../parts/context";
import { Status } from "../parts/status";
import { runAddress } from "../route";
import type { Hit } from "../search/hit";
import { measure } from "../search/query";
import { dollars, minute, short, took } from "../text/numbers";
import { oneLine } from "../text/visible";

export const ROW = 44; // pixels

const THUMBS = ["", "▲", "▼", "✎"];
const THUMB_WORDS = ["", "thumbs up", "thumbs down", "feedback in words"];

/** Where the searched text stands. */
function HitLine({ hit }: { hit: Hit }) {
  return (
    <>
      <span class="tag">{oneLine(hit.field)}</span>{" "}
      <span class="middle-only">
        {hit.before && "…"}
        {oneLine(hit.before.slice(-18))}
        {/\s$/.test(hit.before) && " "}
      </span>
      <mark>{oneLine(hit.found)}</mark>
      {/^\s/.test(hit.after) && " "}
      {oneLine(hit.after)}
    </>
  );
}

/** A row's second line: the hit, or the error with the call that failed, or the test or session. */
function SecondLine({ run, hit }: { run: RunNumber; hit: Hit | undefined }) {
  const { columns: c, errors, sessions, tests } = useReport();
  if (hit) return <HitLine hit={hit} />;
  const error = errors[c.error[run]!];
  if (c.status[run]! > 0 && (error || c.failed_call[run])) {
    return (
      <span class="bad">
        {oneLine(error ?? "").slice(0, 160)}
        {c.failed_call[run] && <span class="dim"> · at {oneLine(c.failed_call[run]!)}</span>}
      </span>
    );
  }
  if (c.test_record[run]) return <span class="dim">a test</span>;
  const parts = [tests[c.test[run]!] ?? sessions[c.session[run]!] ?? "", c.parent[run] && "sub-run"];
  return <span class="dim">{oneLine(parts.filter(Boolean).join(" · "))}</span>;
}

interface Props {
  run: RunNumber;
  place: number;
  current: boolean;
  hit: Hit | undefined;
  /** Milliseconds that fill the duration's bar. */
  longest: number;
  /** Called before it is opened. */
  onOpen: () => void;
}

/** One run of the list. The link covers the whole row. */
export function Row({ run, place, current, hit, longest, onOpen }: Props) {
  const report = useReport();
  const { columns: c, agents, models } = report;
  const status = c.status[run]!;
  const feedback = c.feedback[run]!;
  return (
    <div
      role="row"
      aria-rowindex={place + 2}
      class={`row run-row of${status}${current ? " current" : ""}`}
      style={{ transform: `translateY(${place * ROW}px)` }}
    >
      <div role="cell">
        <Status status={c.status[run]!} />
      </div>
      <div role="cell" class="time wide-only">
        {minute(c.start[run]!)}
      </div>
      <div role="cell" class="what">
        <div class="cut">
          <a class="cover" dir="auto" href={runAddress(c.id[run]!)} onClick={onOpen}>
            {oneLine(c.prompt[run]!) || "no prompt"}
          </a>
          {feedback > 0 && (
            <span class={`thumb f${feedback}`} title={THUMB_WORDS[feedback]}>
              {" "}
              {THUMBS[feedback]}
              <span class="unseen">{THUMB_WORDS[feedback]}</span>
            </span>
          )}
        </div>
        <div class="cut second">
          <SecondLine run={run} hit={hit} />
        </div>
      </div>
      <div role="cell" class="wide-only agent">
        <div class="cut">{oneLine(agents[c.agent[run]!] ?? "—")}</div>
        <div class="cut second dim">{c.models[run]!.map((model) => oneLine(models[model]!)).join(", ")}</div>
      </div>
      <div role="cell" class="right middle-only">
        {c.steps[run]}
        <span class="dim"> + {c.tool_calls[run]}</span>
        {c.failed_tools[run]! > 0 && <span class="bad" title="failed tool calls"> ✕{c.failed_tools[run]}</span>}
      </div>
      <div role="cell" class="right middle-only">
        {short(measure(report, "tokens")(run))}
      </div>
      <div role="cell" class="right">
        {dollars(c.cost[run]!)}
      </div>
      <div role="cell" class="took">
        <span>{took(c, run)}</span>
        <Bar part={c.took[run]! / longest} kind={`k${status}`} />
      </div>
    </div>
  );
}
