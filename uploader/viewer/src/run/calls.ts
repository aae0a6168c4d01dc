/** What happened in a run, as one list in the order of time. */
import type { Members, RunBody } from "../data/format";
import type { Report, RunNumber } from "../data/report";
import { asNumber, asText, asTime } from "../text/json";
import { statusOf, type StatusNumber } from "../text/status";

export interface Call {
  /** Unique in the run, and its name in the address: s1 is the first step, t1 the first tool call, o1 the first other span. */
  key: string;
  kind: "step" | "tool" | "span" | "run";
  /** Its number among those of its kind, from 1; of a sub-run, its number in the report. */
  number: number;
  name: string;
  /** Milliseconds since the run began. */
  begin: number;
  end: number;
  status: StatusNumber;
  /** Milliseconds to the first token. */
  firstToken: number;
  item: Members;
}

const NAMES = {
  step: { letter: "s", of: (item: Members) => asText(item["model_requested"] ?? item["model_used"]) },
  tool: { letter: "t", of: (item: Members) => asText(item["tool_name"]) },
  span: { letter: "o", of: (item: Members) => asText(item["name"]) },
};

function call(kind: "step" | "tool" | "span", item: Members, index: number, start: number): Call {
  const begin = asTime(item["start_time"], start) - start;
  const { letter, of } = NAMES[kind];
  return {
    key: `${letter}${index + 1}`,
    kind,
    number: index + 1,
    name: of(item) || kind,
    begin,
    end: Math.max(begin, asTime(item["end_time"], start + begin) - start),
    status: statusOf(item["status_code"]),
    firstToken: asNumber(item["ttft_ms"]),
    item,
  };
}

function subRun({ columns: c }: Report, run: RunNumber, start: number): Call {
  const begin = c.start[run]! - start;
  return {
    key: `r${run}`,
    kind: "run",
    number: run,
    name: c.prompt[run]! || "run",
    begin,
    end: begin + c.took[run]!,
    status: c.status[run]!,
    firstToken: 0,
    item: {},
  };
}

/** All calls of a run, oldest first; of two that began together, the span, then the step. `start`: when the run began. */
export function callsOf(report: Report, body: RunBody, subRuns: RunNumber[], start: number): Call[] {
  return [
    ...(body.spans ?? []).map((item, index) => call("span", item, index, start)),
    ...body.steps.map((item, index) => call("step", item, index, start)),
    ...body.tools.map((item, index) => call("tool", item, index, start)),
    ...subRuns.map((run) => subRun(report, run, start)),
  ].sort((a, b) => a.begin - b.begin);
}

/** The call after `from` that failed, else the first one that did. */
export function nextFailed(calls: Call[], from: number): Call | undefined {
  return [...calls.slice(from + 1), ...calls].find((one) => one.status === 2);
}

/** A part of the run's time; milliseconds since it began. */
export interface Span {
  begin: number;
  end: number;
}

const LEAST = 1; // milliseconds; a waterfall can't show less

/** The same span, closer (factor below 1) or wider around a point; it stays within the run. */
export function zoomed({ begin, end }: Span, factor: number, around: number, whole: Span): Span {
  const length = Math.min(whole.end - whole.begin, Math.max(LEAST, (end - begin) * factor));
  const left = Math.min(whole.end - length, Math.max(whole.begin, around - (around - begin) * factor));
  return { begin: left, end: left + length };
}

const S = 1e3;
const M = 60 * S;
const H = 60 * M;
const STEPS = [
  [1, 2, 5, 10, 20, 50, 100, 200, 500],
  [1, 2, 5, 10, 15, 30].map((n) => n * S),
  [1, 2, 5, 10, 15, 30].map((n) => n * M),
  [1, 2, 3, 6, 12, 24].map((n) => n * H),
].flat();

/** Round times within a span, at most so many and one, with the first at or after its begin. */
export function ticks({ begin, end }: Span, most: number): number[] {
  const least = (end - begin) / most;
  const step = STEPS.find((length) => length >= least) ?? least;
  const first = Math.ceil(begin / step) * step;
  return Array.from({ length: Math.floor((end - first) / step) + 1 }, (_, n) => first + n * step);
}
