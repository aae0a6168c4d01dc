/** A part (0 to 1) as a bar; the number stands beside it. */
export function Bar({ part, kind = "" }: { part: number; kind?: string }) {
  return (
    <span class={`bar ${kind}`} aria-hidden="true">
      <i style={{ width: `${part > 0 ? Math.max(1, Math.min(100, part * 100)) : 0}%` }} />
    </span>
  );
}
