/** Numbers behind the charts; nothing here draws. */
import type { Report, RunNumber } from "../data/report";
import { STATUSES, type StatusNumber } from "../text/status";

/** How many runs ended in each way, by status. */
export type Outcomes = number[];

export interface TimeBins {
  /** Where the first bar begins, and how long each is; milliseconds. */
  begin: number;
  step: number;
  bars: Outcomes[];
  most: number;
}

const S = 1e3;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const STEPS = [0.1 * S, S, 5 * S, 15 * S, M, 5 * M, 15 * M, 30 * M, H, 2 * H, 3 * H, 6 * H, 12 * H, D, 7 * D, 30 * D, 365 * D];
const MOST_BARS = 84;

export const none = (): Outcomes => STATUSES.map(() => 0);
export const total = (outcomes: Outcomes): number => outcomes.reduce((sum, n) => sum + n);

/** Count the outcomes of runs over time, in bars of a length that people use. */
export function overTime({ columns: c, newest }: Report): TimeBins {
  const first = c.start[newest.at(-1)!]!;
  const last = c.start[newest[0]!]!;
  const step = STEPS.find((length) => (last - first) / length <= MOST_BARS) ?? (last - first) / MOST_BARS;
  const begin = Math.floor(first / step) * step;
  const bars = Array.from({ length: Math.floor((last - begin) / step) + 1 }, none);
  for (const run of newest) bars[Math.floor((c.start[run]! - begin) / step)]![c.status[run]!]!++;
  return { begin, step, bars, most: Math.max(...bars.map(total)) };
}

export interface LogBins {
  /** The borders of the bars: one more than there are bars. */
  borders: number[];
  bars: number[];
  most: number;
  /** Where a value stands, 0 to 1. */
  place: (value: number) => number;
}

const LOG_BARS = 28;

/** Count whole positive numbers, sorted, on a logarithmic scale; a bar's values are its lower border and above. */
export function logBins(sorted: Float64Array): LogBins {
  const low = Math.log10(sorted[0]!);
  const high = Math.max(Math.log10(sorted.at(-1)! + 1), low + 0.5);
  const place = (value: number): number => (Math.log10(value) - low) / (high - low);
  // whole numbers, so that a bar's link finds exactly what the bar counts
  const borders = Array.from({ length: LOG_BARS + 1 }, (_, bar) => Math.round(10 ** (low + ((high - low) * bar) / LOG_BARS)));
  const bars = new Array<number>(LOG_BARS).fill(0);
  let bar = 0;
  for (const value of sorted) {
    while (bar < LOG_BARS - 1 && value >= borders[bar + 1]!) bar++;
    bars[bar]!++;
  }
  return { borders, bars, most: Math.max(...bars), place };
}

export interface ErrorGroup {
  /** The message with ids and digits replaced. */
  mask: string;
  /** Newest first. */
  runs: RunNumber[];
  status: StatusNumber;
}

/** Runs that failed, succeeded in part or have no end, by their masked message; the largest group first. */
export function errorGroups({ columns: c, newest, masks, error_mask }: Report): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup>();
  for (const run of newest) {
    const status = c.status[run]!;
    if (status === 0 || status > 3) continue;
    const mask = masks[error_mask[c.error[run]!] ?? -1] ?? "";
    const key = `${status} ${mask}`;
    const group = groups.get(key);
    if (group) group.runs.push(run);
    else groups.set(key, { mask, runs: [run], status });
  }
  return [...groups.values()].sort((a, b) => Number(b.status === 2) - Number(a.status === 2) || b.runs.length - a.runs.length);
}

/** How many of these runs began in each of so many equal parts of the report's time. */
export function spread({ columns: c, newest }: Report, runs: RunNumber[], parts: number): number[] {
  const first = c.start[newest.at(-1)!]!;
  const length = c.start[newest[0]!]! - first + 1;
  const counts = new Array<number>(parts).fill(0);
  for (const run of runs) counts[Math.floor(((c.start[run]! - first) / length) * parts)]!++;
  return counts;
}
