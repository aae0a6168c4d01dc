import { useEffect, useState } from "preact/hooks";
import type { RunBody } from "../data/format";
import type { RunNumber } from "../data/report";
import { loadRun } from "../data/runs";
import { useReport } from "./context";

const LEFT_OUT = "The contents of this run were left out of the report.";

/** A run's contents, once they are read; and a sentence, if that is not possible. */
export function useBody(run: RunNumber): [body: RunBody | null, trouble: string] {
  const report = useReport();
  const leftOut = report.columns.chunk[run]! < 0;
  const [body, setBody] = useState<RunBody | null>(null);
  const [trouble, setTrouble] = useState(leftOut ? LEFT_OUT : "");
  useEffect(() => {
    let shown = true;
    if (!leftOut) {
      loadRun(report, run).then(
        (read) => shown && setBody(read),
        (error: Error) => shown && setTrouble(error.message),
      );
    }
    return () => {
      shown = false;
    };
  }, [run]);
  return [body, trouble];
}
