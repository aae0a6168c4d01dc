import { useEffect, useMemo, useState } from "preact/hooks";
import type { Report, RunNumber } from "../data/report";
import { searchContents, type Progress } from "../search/contents";
import { measure, parseQuery, type Query } from "../search/query";

const SEARCHED = 3; // letters; fewer are in every text
const DEBOUNCE = 250; // milliseconds between the last letter and the search in all contents

/** Whether the list itself shows the text. */
function inIndex({ columns: c, sessions, errors }: Report, text: string): (run: RunNumber) => boolean {
  const needle = text.toLowerCase();
  return (run) =>
    needle === "" ||
    [c.prompt[run], c.id[run], sessions[c.session[run]!], errors[c.error[run]!]].some((shown) =>
      shown?.toLowerCase().includes(needle),
    );
}

export interface List {
  query: Query;
  /** In the order that is shown. */
  runs: RunNumber[];
  /** Of the search in the contents; null when there is none. */
  progress: Progress | null;
}

/** The runs that what was typed finds. Filters work at once; contents are searched by workers, rows come as they are found. */
export function useList(report: Report, typed: string, sort: string): List {
  const query = useMemo(() => parseQuery(report, typed), [report, typed]);
  const passing = useMemo(() => report.newest.filter(query.passes), [query]);
  const [progress, setProgress] = useState<Progress | null>(null);
  useEffect(() => {
    setProgress(null);
    if (query.text.length < SEARCHED) return;
    let stop = (): void => undefined;
    const timer = setTimeout(() => {
      stop = searchContents(report, passing, query.text, setProgress);
    }, DEBOUNCE);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [query]);
  const runs = useMemo(() => {
    const shown = inIndex(report, query.text);
    const found = passing.filter((run) => shown(run) || progress?.hits.has(run));
    if (sort === "-time") return found;
    const value = measure(report, sort.replace("-", ""));
    const sign = sort.startsWith("-") ? -1 : 1;
    return found.sort((a, b) => sign * (value(a) - value(b)));
  }, [passing, progress, sort]);
  return { query, runs, progress };
}
