import { useMemo, useState } from "preact/hooks";
import type { Json } from "../data/format";
import { looksLikeJson, pretty } from "../text/json";
import { count } from "../text/numbers";
import { visible } from "../text/visible";
import { usePrinting } from "./printing";

const LONG = 1800; // characters; a longer text is cut
const CUT = 1400;

const FENCED = /(```[\s\S]*?(?:```|$))/;

/** Code between ``` stands in a <pre>; nothing else of a text is markup. */
const withCode = (text: string) =>
  text.split(FENCED).map((part, n) =>
    part.startsWith("```") ? (
      <pre>{part.replace(/^```[^\n]*\n?/, "").replace(/\n?```$/, "")}</pre>
    ) : (
      <span>{n ? part.replace(/^\n/, "") : part}</span>
    ),
  );

/** A recorded text. `data`: what a program reads, so that JSON is indented and the letters have one width. */
export function Text({ value, data = false }: { value: Json | undefined; data?: boolean }) {
  const whole = useMemo(() => visible(pretty(value)), [value]);
  const [all, showAll] = useState(false);
  const printing = usePrinting();
  const cut = !all && !printing && whole.length > LONG;
  const text = cut ? whole.slice(0, CUT) : whole;
  const mono = data || looksLikeJson(whole);
  return (
    <div class={mono ? "text mono" : "text"} dir="auto" tabIndex={mono ? 0 : undefined}>
      {!mono && text.includes("```") ? withCode(text) : text}
      {cut && (
        <>
          …{" "}
          <button type="button" class="link" onClick={() => showAll(true)}>
            show all {count(whole.length)} characters
          </button>
        </>
      )}
    </div>
  );
}
