import type { ComponentChildren } from "preact";

interface Props {
  kind: string;
  id?: string;
  open: boolean;
  onToggle: (open: boolean) => void;
  head: ComponentChildren;
  /** Buttons; they stand beside the summary, not in it. */
  side?: ComponentChildren;
  /** Called only when it is open: closed contents cost nothing. */
  children: () => ComponentChildren;
}

/** A card that opens and closes. */
export function Disclosure({ kind, id, open, onToggle, head, side, children }: Props) {
  return (
    <div class={`message ${kind}`} id={id}>
      <details open={open} onToggle={(event) => onToggle(event.currentTarget.open)}>
        <summary>{head}</summary>
        {open && <div class="inside">{children()}</div>}
      </details>
      {side && <span class="side">{side}</span>}
    </div>
  );
}
