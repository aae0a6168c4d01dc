/** Numbers, durations, money and times as people read them. */
import type { Columns } from "../data/format";
import { UNENDED } from "./status";

const grouped = new Intl.NumberFormat("en");

export const count = (n: number): string => grouped.format(n);

/** "1 run", "2 runs". */
export const counted = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** A count in at most four characters and a letter: 1.2k. */
export function short(n: number): string {
  if (n < 1e3) return String(Math.round(n));
  for (const [size, letter] of [[1e3, "k"], [1e6, "M"], [1e9, "G"]] as const) {
    if (n < size * 999.5) return (n / size).toFixed(n < size * 10 ? 1 : 0) + letter;
  }
  return `${(n / 1e12).toFixed(1)}T`;
}

const SECOND = 1e3;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds in two units at most: 4.88 s, 1 m 20 s. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 9.995 * SECOND) return `${(ms / SECOND).toFixed(2)} s`;
  if (ms < 59.95 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  const [big, unit, small, rest] =
    ms < HOUR - SECOND / 2
      ? ([MINUTE, "m", SECOND, "s"] as const)
      : ms < DAY - MINUTE / 2
        ? ([HOUR, "h", MINUTE, "m"] as const)
        : ([DAY, "d", HOUR, "h"] as const);
  const parts = Math.round(ms / small);
  const left = parts % (big / small);
  return `${Math.floor(parts / (big / small))} ${unit}${left ? ` ${left} ${rest}` : ""}`;
}

/** Millionths of a dollar. */
export function dollars(micros: number): string {
  if (micros === 0) return "—";
  return micros < 10_000 ? `$${(micros / 1e6).toFixed(4)}` : `$${(micros / 1e6).toFixed(2)}`;
}

/** 2026-11-22 05:00:33, in UTC. */
export const moment = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

/** How long a run took; nothing is known of one without an end. */
export const took = ({ took: all, status }: Columns, run: number): string =>
  status[run]! < UNENDED ? duration(all[run]!) : "—";

/** 11-22 05:00, in UTC. */
export const minute = (ms: number): string => moment(ms).slice(5, 16);

/** The value below which so much (0 to 1) of a sorted list lies; 0 of an empty one. */
export const quantile = (sorted: ArrayLike<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
