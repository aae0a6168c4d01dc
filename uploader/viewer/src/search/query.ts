/** The filter language: `status:error model:gpt -tool:find_order >5s cost>0.01 "free text"`. */
import type { Report, RunNumber } from "../data/report";
import { asTime } from "../text/json";
import { FATES, STATUSES } from "../text/status";

type Test = (run: RunNumber) => boolean;

export interface Query {
  /** What is not a filter: searched in every text. */
  text: string;
  /** Whether a run passes the filters. */
  passes: Test;
}

const FEEDBACK: { [word: string]: number[] } = { up: [1], down: [2], words: [3], any: [1, 2, 3], none: [0] };
const YES = ["yes", "true", "1"];

/** Tests of `name:value`; the value is in lower case. */
function fieldTest(report: Report, name: string, value: string): Test | undefined {
  const { columns: c } = report;
  const has = (text: string | undefined): boolean => (text ?? "").toLowerCase().includes(value);
  switch (name) {
    case "status":
      return (run) => STATUSES[c.status[run]!].startsWith(value);
    case "model":
      return (run) => c.models[run]!.some((model) => has(report.models[model]));
    case "tool":
      return (run) => c.tools[run]!.some((tool) => has(report.tools[tool]));
    case "agent":
      return (run) => has(report.agents[c.agent[run]!]);
    case "test":
      return (run) => has(report.tests[c.test[run]!]);
    case "session":
      return (run) => (report.sessions[c.session[run]!] ?? "").toLowerCase() === value;
    case "error":
      return (run) => {
        const error = c.error[run]!;
        return has(report.errors[error]) || has(report.masks[report.error_mask[error] ?? -1]);
      };
    case "delivery":
      return (run) => FATES[c.fate[run]!]!.startsWith(value);
    case "failedtool":
      return (run) => c.failed_tools[run]! > 0 === YES.includes(value);
    case "feedback":
      return (run) => (FEEDBACK[value] ?? []).includes(c.feedback[run]!);
    case "from":
    case "to": {
      const time = asTime(value.includes("t") ? value.toUpperCase() : `${value}T00:00`, NaN); // UTC, as all times here
      if (Number.isNaN(time)) return undefined;
      return name === "from" ? (run) => c.start[run]! >= time : (run) => c.start[run]! < time;
    }
    default:
      return undefined;
  }
}

const COMPARISON = /^(duration|cost|tokens|steps|tools)?([<>])(\d+(?:\.\d+)?)(ms|s|m|h)?$/;
const UNITS: { [unit: string]: number } = { ms: 1, s: 1e3, m: 60e3, h: 3600e3 };

/** Tests of `cost>0.01` (dollars), `tokens<1000`, `>5s`. */
function comparison(report: Report, word: string): Test | undefined {
  const found = COMPARISON.exec(word);
  if (!found) return undefined;
  const [, name = "duration", sign, digits, unit = "s"] = found;
  const factor = name === "duration" ? UNITS[unit]! : name === "cost" ? 1e6 : 1;
  const bound = Number(digits) * factor;
  const value = measure(report, name);
  return sign === ">" ? (run) => value(run) > bound : (run) => value(run) < bound;
}

/** A run's number by the name that filters and sorting have for it. */
export function measure({ columns: c }: Report, name: string): (run: RunNumber) => number {
  switch (name) {
    case "time":
      return (run) => c.start[run]!;
    case "status":
      return (run) => c.status[run]!;
    case "cost":
      return (run) => c.cost[run]!;
    case "tokens":
      return (run) => c.tokens_in[run]! + c.tokens_cached[run]! + c.tokens_out[run]!;
    case "steps":
      return (run) => c.steps[run]!;
    case "tools":
      return (run) => c.tool_calls[run]!;
    case "calls":
      return (run) => c.steps[run]! + c.tool_calls[run]!;
    default:
      return (run) => c.took[run]!;
  }
}

const WORD = /(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/gi;

/** Read what was typed. What is no filter is text, so that nothing that was typed is dropped. */
export function parseQuery(report: Report, typed: string): Query {
  const tests: Test[] = [];
  const words: string[] = [];
  for (const [whole, minus, name, quoted, plain] of typed.matchAll(WORD)) {
    const value = quoted ?? plain ?? "";
    const test = name
      ? fieldTest(report, name.toLowerCase(), value.toLowerCase())
      : quoted === undefined
        ? comparison(report, value)
        : undefined;
    if (test) tests.push(minus ? (run) => !test(run) : test);
    else words.push(!name && quoted !== undefined ? minus + quoted : whole);
  }
  return { text: words.join(" ").trim(), passes: (run) => tests.every((test) => test(run)) };
}

/** The address of the runs that pass a filter. */
export const listOf = (query: string): string => `#/runs?${new URLSearchParams({ q: query })}`;

/** `name:"value"`; a quote can't be typed within quotes, so the value ends there. */
export const filter = (name: string, value: string): string => `${name}:"${value.split('"', 1)[0]}"`;
