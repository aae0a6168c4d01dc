import { useMemo } from "preact/hooks";
import { ErrorGroups } from "../charts/error-groups";
import { Histogram } from "../charts/histogram";
import { OverTime } from "../charts/over-time";
import { Dearest, Models, Slowest, Tools } from "../charts/rankings";
import { Tiles } from "../charts/tiles";
import { useReport } from "../parts/context";
import { measure } from "../search/query";
import { dollars, duration, short } from "../text/numbers";

/** All runs at once. What failed comes first. */
export function Overview() {
  const report = useReport();
  const [took, tokens, cost] = useMemo(
    () => ["duration", "tokens", "cost"].map((name) => report.newest.map(measure(report, name))),
    [report],
  ) as [number[], number[], number[]];
  if (report.newest.length === 0) {
    return (
      <main id="main" class="page">
        <h1 class="unseen">Overview</h1>
        <p class="nothing">No runs were found. {report.selection && `Asked for: ${report.selection}`}</p>
      </main>
    );
  }
  return (
    <main id="main" class="page">
      <h1 class="unseen">Overview</h1>
      <Tiles />
      <ErrorGroups />
      <OverTime />
      <div class="columns three">
        <Histogram
          title="Duration of a run"
          values={took}
          write={duration}
          between={(low, high) => `>${low - 0.5}ms <${high}ms`}
        />
        <Histogram
          title="Tokens of a run"
          values={tokens}
          write={short}
          between={(low, high) => `tokens>${low - 0.5} tokens<${high}`}
        />
        <Histogram
          title="Cost of a run"
          values={cost}
          write={dollars}
          between={(low, high) => `cost>${((low - 0.5) / 1e6).toFixed(7)} cost<${((high - 0.5) / 1e6).toFixed(7)}`}
        />
      </div>
      <div class="columns two">
        <Models />
        <Tools />
        <Slowest />
        <Dearest />
      </div>
    </main>
  );
}
