import { blockText } from "./blocks";
import { VERSION, type Columns, type Index } from "./format";
import { unpack } from "./unpack";

/** A run's number: its place in the columns. */
export type RunNumber = number;

/** The index of this report, and what is looked up in it often. */
export interface Report extends Index {
  columns: Columns;
  byId: Map<string, RunNumber>;
  /** All runs, newest first. */
  newest: RunNumber[];
}

/** Read the index. Throws an error with a sentence for the reader. */
export async function loadReport(): Promise<Report> {
  let index: Index;
  try {
    index = JSON.parse(new TextDecoder().decode(await unpack(await blockText("index", "app")))) as Index;
  } catch {
    throw new Error("The list of runs in this file is damaged. Copy or download it again.");
  }
  if (index.v > VERSION) throw new Error(`This file is of a newer version (${index.v}) than its page (${VERSION}).`);
  document.getElementById("index")?.remove();
  const { id, start } = index.columns;
  for (let run = 1; run < start.length; run++) start[run]! += start[run - 1]!;
  const newest = id.map((_, run) => run).sort((a, b) => start[b]! - start[a]! || b - a);
  return { ...index, byId: new Map(id.map((name, run) => [name, run])), newest };
}
