import { useMemo } from "preact/hooks";
import { useReport } from "../parts/context";
import { listOf } from "../search/query";
import { counted, duration, minute, moment } from "../text/numbers";
import { STATUSES } from "../text/status";
import { overTime, total, type Outcomes } from "./scale";

const WIDTH = 900;
const HEIGHT = 132;
const HEADROOM = 8;
const LABELS = 10;
const LAST_LABEL = 0.95; // of the width: a label behind it would stand out of the card
const LAST_LABEL_NARROW = 0.8;
const HOUR = 3600e3;
const DAY = 24 * HOUR;

const told = (at: number, bar: Outcomes): string =>
  [`${minute(at)}: ${counted(total(bar), "run")}`, ...bar.map((n, status) => n && `${n} ${STATUSES[status]}`).filter(Boolean)].join(", ");

/** Bars one above the other, the errors on top. */
function Stack({ bar, left, width, most }: { bar: Outcomes; left: number; width: number; most: number }) {
  let top = HEIGHT;
  return (
    <>
      {bar.map((n, status) => {
        if (n === 0) return null;
        const height = Math.max((n / most) * (HEIGHT - HEADROOM), 2); // one error among many is still seen
        top -= height;
        return <rect x={left} y={top} width={width} height={height} class={`b${status}`} />;
      })}
    </>
  );
}

/** Runs over time by outcome; each bar is a link to its runs. */
export function OverTime() {
  const report = useReport();
  const { begin, step, bars, most } = useMemo(() => overTime(report), [report]);
  const width = WIDTH / bars.length;
  const every = Math.ceil(bars.length / LABELS);
  const label = (at: number): string =>
    step < HOUR ? moment(at).slice(11, step < 60e3 ? 19 : 16) : step < DAY ? minute(at) : moment(at).slice(0, 10);
  return (
    <figure class="card">
      <figcaption>
        <h2>Runs over time</h2>
        <span class="legend">
          {STATUSES.map(
            (name, status) =>
              (status < 3 || bars.some((bar) => bar[status])) && (
                <>
                  <i class={`b${status}`} /> {name}{" "}
                </>
              ),
          )}
          <em>bars of {duration(step)}</em>
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" class="over-time" role="group" aria-label="Runs over time">
        {[0.5, 1].map((part) => (
          <line x1="0" x2={WIDTH} y1={HEIGHT - part * (HEIGHT - HEADROOM)} y2={HEIGHT - part * (HEIGHT - HEADROOM)} class="grid-line" />
        ))}
        {bars.map((bar, n) => {
          if (total(bar) === 0) return null;
          const at = begin + n * step;
          const from = new Date(at).toISOString();
          const to = new Date(at + step).toISOString();
          return (
            <a href={listOf(`from:${from} to:${to}`)} aria-label={told(at, bar)}>
              <title>{told(at, bar)}</title>
              <rect x={n * width} y="0" width={width} height={HEIGHT} class="hot" />
              <Stack bar={bar} left={n * width + width * 0.06} width={width * 0.88} most={most} />
            </a>
          );
        })}
      </svg>
      <div class="axis" aria-hidden="true">
        {bars.map((_, n) => {
          const left = n / bars.length;
          if (n % every || left > LAST_LABEL) return null;
          return (
            <span class={left > LAST_LABEL_NARROW ? "wide-only" : ""} style={{ left: `${left * 100}%` }}>
              {label(begin + n * step)}
            </span>
          );
        })}
        <b>{most}</b>
      </div>
    </figure>
  );
}
