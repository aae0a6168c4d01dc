import { useMemo, useRef, useState } from "preact/hooks";
import { counted, duration } from "../text/numbers";
import type { Call, Span } from "./calls";

const WIDTH = 400;
const HEIGHT = 56;
const STRIP = 9; // at the foot, with a tick for each failed call
const KINDS = ["step", "tool", "span", "run", "failed"] as const;
const CLICK = 4; // a shorter drag (in units of WIDTH) is a click

/** All calls as four paths, however many there are: equal marks are drawn once. */
function paths(calls: Call[], whole: Span): { [kind: string]: string } {
  const scale = WIDTH / (whole.end - whole.begin);
  const drawn: { [kind: string]: Set<string> } = {};
  for (const [row, call] of calls.entries()) {
    const left = Math.round((call.begin - whole.begin) * scale);
    const width = Math.max(2, Math.round((call.end - call.begin) * scale));
    const top = Math.round((row / calls.length) * (HEIGHT - STRIP - 4));
    (drawn[call.kind] ??= new Set()).add(`M${left} ${top}h${width}v3h-${width}z`);
    if (call.status === 2) (drawn["failed"] ??= new Set()).add(`M${left} ${HEIGHT - STRIP}h2v${STRIP}h-2z`);
  }
  return Object.fromEntries(KINDS.map((kind) => [kind, [...(drawn[kind] ?? [])].join("")]));
}

interface Props {
  calls: Call[];
  whole: Span;
  span: Span;
  onSpan: (span: Span) => void;
}

/** The whole run, small. Dragging over a part of it shows that part in the waterfall; a click moves there. */
export function Minimap({ calls, whole, span, onSpan }: Props) {
  const marks = useMemo(() => paths(calls, whole), [calls, whole]);
  const box = useRef<SVGSVGElement>(null);
  const [from, setFrom] = useState<number | null>(null);
  const [to, setTo] = useState(0);
  const scale = WIDTH / (whole.end - whole.begin);
  const placeOf = (event: PointerEvent): number => {
    const { left, width } = box.current!.getBoundingClientRect();
    return Math.max(0, Math.min(WIDTH, ((event.clientX - left) / width) * WIDTH));
  };
  const released = (): void => {
    if (from === null) return;
    setFrom(null);
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    if (high - low >= CLICK) {
      onSpan({ begin: whole.begin + low / scale, end: whole.begin + high / scale });
      return;
    }
    const length = span.end - span.begin;
    const begin = Math.max(whole.begin, Math.min(whole.end - length, whole.begin + low / scale - length / 2));
    onSpan({ begin, end: begin + length });
  };
  const shown = from === null ? [(span.begin - whole.begin) * scale, (span.end - whole.begin) * scale] : [from, to];
  const [left, right] = [Math.min(...shown), Math.max(...shown)];
  return (
    <svg
      ref={box}
      class="minimap"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`The whole run: ${counted(calls.length, "call")} in ${duration(whole.end - whole.begin)}. The keys + and - show less or more of it.`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setFrom(placeOf(event));
        setTo(placeOf(event));
      }}
      onPointerMove={(event) => from !== null && setTo(placeOf(event))}
      onPointerUp={released}
      onPointerCancel={() => setFrom(null)}
    >
      {KINDS.map((kind) => (
        <path class={kind} d={marks[kind]} />
      ))}
      <path class="shade" d={`M0 0H${left}V${HEIGHT}H0zM${right} 0H${WIDTH}V${HEIGHT}H${right}z`} />
      <rect class="window" x={left} y="0.5" width={Math.max(1, right - left)} height={HEIGHT - 1} />
    </svg>
  );
}
