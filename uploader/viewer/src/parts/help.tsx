import type { RefObject } from "preact";

const KEYS: [string[], string][] = [
  [["/"], "search"],
  [["j", "k"], "next, previous run or call"],
  [["Enter"], "open"],
  [["e"], "next failing call"],
  [["[", "]"], "previous, next run of the session"],
  [["+", "-", "0"], "waterfall: closer, wider, whole run"],
  [["r"], "raw JSON"],
  [["u"], "back"],
  [["?"], "this"],
];

const FILTERS: [string, string][] = [
  ["status:error", "success, partial, error, unended, missing, unknown"],
  ["model: tool: agent: test: error:", "a part of the name or message"],
  ["session:ID", "one session"],
  ["feedback:down", "up, down, words, any, none"],
  ["delivery:dead", "pending, delivered, dead, dropped; where the ledger was at hand"],
  ["failedtool:yes", "a tool call failed"],
  [">5s <200ms", "duration"],
  ["cost>0.01", "dollars"],
  ["tokens>1000 steps>3 tools>3", ""],
  ["from:2026-11-22 to:2026-11-23T12:00Z", "UTC"],
  ["-status:success", "- turns a filter round"],
];

/** What the keys do and how to filter. */
export function Help({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }) {
  return (
    <dialog ref={dialog} aria-label="Help">
      <h2>Keys</h2>
      <dl class="pairs">
        {KEYS.map(([keys, does]) => (
          <>
            <dt>
              {keys.map((key) => (
                <kbd>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </>
        ))}
      </dl>
      <h2>Filters</h2>
      <dl class="pairs">
        {FILTERS.map(([example, means]) => (
          <>
            <dt>
              <code>{example}</code>
            </dt>
            <dd>{means}</dd>
          </>
        ))}
      </dl>
      <p class="dim">Everything else is searched in every text of every run, from three letters on.</p>
      <form method="dialog">
        <button>Close</button>
      </form>
    </dialog>
  );
}
