import { useMemo } from "preact/hooks";
import { listOf } from "../search/query";
import { counted, quantile } from "../text/numbers";
import { logBins } from "./scale";

const WIDTH = 280;
const HEIGHT = 70;

interface Props {
  title: string;
  values: number[];
  write: (value: number) => string;
  /** The filter for runs with the lower of two whole values or more, and less than the higher. */
  between: (low: number, high: number) => string;
}

/** How a number is spread over the runs, on a logarithmic scale; each bar is a link to its runs. */
export function Histogram({ title, values, write, between }: Props) {
  const sorted = useMemo(() => Float64Array.from(values.filter((value) => value > 0)).sort(), [values]);
  const bins = useMemo(() => (sorted.length ? logBins(sorted) : null), [sorted]);
  const half = quantile(sorted, 0.5);
  const most = quantile(sorted, 0.95);
  return (
    <figure class="card">
      <figcaption>
        <h2>{title}</h2>
        {bins && (
          <span class="legend">
            p50 <strong>{write(half)}</strong> p95 <strong>{write(most)}</strong>
          </span>
        )}
      </figcaption>
      {!bins && <p class="nothing">Nothing was recorded.</p>}
      {bins && (
        <>
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} class="histogram" preserveAspectRatio="none" role="group" aria-label={title}>
            {bins.bars.map((n, bar) => {
              if (n === 0) return null;
              const [low, high] = [bins.borders[bar]!, bins.borders[bar + 1]!];
              const told = `${write(low)} to ${write(high)}: ${counted(n, "run")}`;
              const width = WIDTH / bins.bars.length;
              const height = Math.max(1.5, (n / bins.most) * (HEIGHT - 4));
              return (
                <a href={listOf(between(low, high))} aria-label={told}>
                  <title>{told}</title>
                  <rect x={bar * width} y="0" width={width} height={HEIGHT} class="hot" />
                  <rect x={bar * width + 0.5} y={HEIGHT - height} width={width - 1} height={height} class="plain" />
                </a>
              );
            })}
            {[half, most].map((value) => (
              <line x1={bins.place(value) * WIDTH} x2={bins.place(value) * WIDTH} y1="0" y2={HEIGHT} class="mark-line" />
            ))}
          </svg>
          <div class="axis" aria-hidden="true">
            <span>{write(bins.borders[0]!)}</span>
            <b>{write(bins.borders.at(-1)!)}</b>
          </div>
        </>
      )}
    </figure>
  );
}
