import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useKeys } from "../parts/keys";
import { useRowsInSight } from "../parts/rows-in-sight";
import { duration } from "../text/numbers";
import { STATUSES } from "../text/status";
import { oneLine } from "../text/visible";
import { ticks, zoomed, type Call, type Span } from "./calls";
import { Minimap } from "./minimap";

const ROW = 22; // pixels
const TICKS = 4;
const MANY = 30; // calls; from here on there is a minimap
const CLOSER = 0.5;

const percent = (part: number): string => `${part * 100}%`;

interface RowProps {
  call: Call;
  span: Span;
  selected: boolean;
  place: number;
  onSelect: (call: Call) => void;
}

function Row({ call, span, selected, place, onSelect }: RowProps) {
  const length = span.end - span.begin;
  const took = call.end - call.begin;
  const failed = call.status === 2;
  const first = took > 0 ? Math.min(1, call.firstToken / took) : 0;
  return (
    <button
      type="button"
      class={`bar-row${selected ? " selected" : ""}${failed ? " failed" : ""}`}
      style={{ top: `${place * ROW}px` }}
      aria-pressed={selected}
      onClick={() => onSelect(call)}
    >
      <span class="cut">
        {failed && <span aria-hidden="true">✕ </span>}
        {oneLine(call.name)}
        <span class="unseen">{call.status > 0 && ` ${STATUSES[call.status]}`}</span>
      </span>
      <span class="track">
        <i
          class={call.kind}
          style={{ left: `min(100% - 3px, ${percent((call.begin - span.begin) / length)})`, width: `max(3px, ${percent(took / length)})` }}
        >
          {first > 0 && <u style={{ width: percent(first) }} />}
        </i>
      </span>
      <span class="right dim">{duration(took)}</span>
    </button>
  );
}

interface Props {
  calls: Call[];
  took: number;
  selected: string;
  onSelect: (call: Call) => void;
}

/** When each call began and how long it took. Long runs have a minimap, and are shown in parts. */
export function Waterfall({ calls, took, selected, onSelect }: Props) {
  const whole = useMemo((): Span => {
    const begin = calls.reduce((least, call) => Math.min(least, call.begin), 0);
    return { begin, end: Math.max(begin + 1, calls.reduce((most, call) => Math.max(most, call.end), took)) };
  }, [calls, took]);
  const [span, setSpan] = useState(whole);
  const box = useRef<HTMLDivElement>(null);
  const all = span.begin <= whole.begin && span.end >= whole.end;
  const shown = useMemo(
    () => (all ? calls : calls.filter((call) => call.end >= span.begin && call.begin <= span.end)),
    [calls, span, all],
  );
  const { first, last, show } = useRowsInSight(box, shown.length, ROW);
  const at = calls.find((call) => call.key === selected);

  useEffect(() => {
    if (!at) return;
    const row = shown.indexOf(at);
    if (row >= 0) show(row);
    else setSpan(zoomed(whole, (span.end - span.begin) / (whole.end - whole.begin), at.begin, whole));
  }, [selected, shown]);
  const zoom = (factor: number) => () => setSpan(zoomed(span, factor, at?.begin ?? (span.begin + span.end) / 2, whole));
  const reset = (): void => setSpan(whole);
  useKeys({ "+": zoom(CLOSER), "=": zoom(CLOSER), "-": zoom(1 / CLOSER), "0": reset });

  if (calls.length === 0) return <p class="dim">No calls were recorded.</p>;
  return (
    <>
      {calls.length >= MANY && (
        <>
          <Minimap calls={calls} whole={whole} span={span} onSpan={setSpan} />
          <p class="zoom">
            <span class="dim">{all ? "drag to look closer" : `${shown.length} of ${calls.length} calls`}</span>
            <button type="button" class="small" onClick={zoom(CLOSER)} aria-label="Look closer">+</button>
            <button type="button" class="small" onClick={zoom(1 / CLOSER)} disabled={all} aria-label="Show more of the run">−</button>
            <button type="button" class="small" onClick={reset} disabled={all}>whole run</button>
          </p>
        </>
      )}
      <div class="ticks" aria-hidden="true">
        {ticks(span, TICKS).map((tick) => (
          <span style={{ left: percent((tick - span.begin) / (span.end - span.begin)) }}>{tick ? duration(tick) : "0"}</span>
        ))}
      </div>
      <div class="bar-rows" ref={box}>
        <div style={{ height: `${shown.length * ROW}px` }}>
          {shown.slice(first, last).map((call, n) => (
            <Row
              key={call.key}
              call={call}
              span={span}
              selected={call.key === selected}
              place={first + n}
              onSelect={onSelect}
            />
          ))}
        </div>
      </div>
    </>
  );
}
