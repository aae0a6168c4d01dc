/**
 * What the packer writes into a report. `columns.py` and `chunks.py` of tcc_uploader.inspect.report write these names.
 *
 * Times are milliseconds since 1970 UTC, durations milliseconds, costs millionths of a dollar.
 * A number that points into a list is -1 where there is nothing to point at.
 */
import type { LongInteger } from "../text/exact";
import type { StatusNumber } from "../text/status";

export const VERSION = 1;

export type Json = null | boolean | number | LongInteger | string | Json[] | { [name: string]: Json };
export type Members = { [name: string]: Json };

/** One value per run, in the order of the chunks. */
export interface Columns {
  id: string[];
  /** The first is a time, each other one the difference to the one before. */
  start: number[];
  took: number[];
  status: StatusNumber[];
  /** What became of its record, as the ledger says: into FATES of `text/status`. */
  fate: number[];
  session: number[];
  models: number[][];
  tools: number[][];
  agent: number[];
  /** Into `errors`: the run's status message. */
  error: number[];
  /** Into `tests`: the pytest test that it belongs to. */
  test: number[];
  /** 1: it is no agent's run, but pytest's own record of a test. */
  test_record: number[];
  prompt: string[];
  /** The first failing call, with the beginning of its arguments. */
  failed_call: string[];
  tokens_in: number[];
  tokens_cached: number[];
  tokens_out: number[];
  cost: number[];
  steps: number[];
  tool_calls: number[];
  failed_tools: number[];
  /** The run that this one is part of. */
  parent: string[];
  /** 0 none, 1 thumbs up, 2 thumbs down, 3 words alone. */
  feedback: number[];
  /** How often the run was recorded. */
  copies: number[];
  /** The chunk with the contents; -1: they were left out. */
  chunk: number[];
  /** Where in the chunk, in bytes. */
  offset: number[];
  length: number[];
}

export interface ModelTotals {
  model: number;
  calls: number;
  failed: number;
  tokens_in: number;
  tokens_cached: number;
  tokens_out: number;
  cost: number;
  p50: number;
  p95: number;
}

export interface ToolTotals {
  tool: number;
  calls: number;
  failed: number;
  p50: number;
  p95: number;
}

export interface Index {
  v: number;
  /** When it was written, ISO-8601. */
  made: string;
  /** The version of tcc-upload. */
  version: string;
  /** What it was made of. */
  sources: string[];
  /** Which runs were asked for, as options; empty: all. */
  selection: string;
  /** What the reader should know: damage, what was left out. */
  notes: string[];
  chunks: number;
  sessions: string[];
  models: string[];
  tools: string[];
  agents: string[];
  tests: string[];
  errors: string[];
  /** Errors with digits and ids replaced, so that equal ones fall together. */
  masks: string[];
  /** For each of `errors`, its mask. */
  error_mask: number[];
  columns: Columns;
  model_totals: ModelTotals[];
  tool_totals: ToolTotals[];
}

interface Item extends Members {
  start_time: string;
  end_time: string;
}

/** Wire items as they were recorded. Only what the page reads is named; a hostile record may hold anything else. */
export type RunItem = Item;
export type StepItem = Item;
export type ToolItem = Item;

/** The contents of one run. */
export interface RunBody {
  /** Null: only children were found. */
  run: RunItem | null;
  steps: StepItem[];
  tools: ToolItem[];
  feedback: Members[];
  /** What an SDK posted that is neither a step nor a tool call. */
  spans?: Members[];
  posts?: Post[];
}

/** A request that is shown as it is. Nothing but `body` is of the recorded bytes. */
export interface Post extends Members {
  kind: string;
  path: string;
  type: string;
  /** Empty if it was sent as it is. */
  encoding: string;
  /** Bytes, as it was sent. */
  size: number;
  /** Why it can't be read. */
  reason: string;
  /** One member: `json`, its value; or else `text` or `base64`, the beginning of it. */
  body: Members;
}

/**
 * A text that begins like the one of the step before: so many UTF-16 units of that one, then the rest.
 * A recorded object that looks like this is the rest itself.
 */
export interface Repeated {
  $: [number, string | Members];
}

/** The members of a step that are written as {@link Repeated}. */
export const REPEATED = ["prompt", "tool_definitions"] as const;
