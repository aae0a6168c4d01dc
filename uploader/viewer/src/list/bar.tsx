import { useReport } from "../parts/context";
import type { RunNumber } from "../data/report";
import type { Progress } from "../search/contents";
import { count, counted } from "../text/numbers";
import { none } from "../charts/scale";
import { GLYPHS, STATUSES } from "../text/status";

interface Props {
  typed: string;
  type: (typed: string) => void;
  runs: RunNumber[];
  text: string;
  progress: Progress | null;
}

const SHOWN = [2, 3, 1, 0, 4, 5] as const;
const STATUS_FILTER = /(^|\s)-?status:\S+/;

/** Put an outcome's filter in or take it out; the rest of what was typed stays. */
function toggled(typed: string, chip: string): string {
  const rest = typed.replace(new RegExp(STATUS_FILTER, "g"), "").trim();
  return typed.split(/\s+/).includes(chip) ? rest : `${rest} ${chip}`.trim();
}

function Searching({ text, progress }: { text: string; progress: Progress }) {
  if (progress.done < progress.chunks) {
    return (
      <>
        <progress value={progress.done} max={progress.chunks} aria-label="Searching contents" /> searching contents…
      </>
    );
  }
  return (
    <>
      {count(progress.hits.size)} with “{text}” inside
      {progress.unread > 0 && <span class="bad"> · {counted(progress.unread, "part")} of the file can't be read</span>}
    </>
  );
}

/** The search box, the outcomes with their counts, and how far the search is. */
export function FilterBar({ typed, type, runs, text, progress }: Props) {
  const { columns: c } = useReport();
  const outcomes = none();
  for (const run of runs) outcomes[c.status[run]!]!++;
  const chosen = STATUS_FILTER.test(typed); // then the other outcomes are not counted, which is not the same as none
  return (
    <>
      <input
        id="search"
        type="search"
        placeholder="Search every text, or filter: status:error tool:find_order >5s cost>0.01"
        value={typed}
        onInput={(event) => type(event.currentTarget.value)}
        aria-label="Search and filter runs"
        spellcheck={false}
        autocomplete="off"
      />
      <div class="counts">
        <span role="status">
          <b>{count(runs.length)}</b> {runs.length === 1 ? "run" : "runs"}
        </span>
        {SHOWN.filter((status) => status < 3 || outcomes[status]).map((status) => {
          const chip = `status:${STATUSES[status]}`;
          return (
            <button
              type="button"
              class={`chip st${status}`}
              aria-pressed={typed.split(/\s+/).includes(chip)}
              onClick={() => type(toggled(typed, chip))}
            >
              {GLYPHS[status]} {(!chosen || outcomes[status]! > 0) && count(outcomes[status]!)} {STATUSES[status]}
            </button>
          );
        })}
        {progress && (
          <span class="progress">
            <Searching text={text} progress={progress} />
          </span>
        )}
        {typed && (
          <button type="button" class="chip" onClick={() => type("")}>
            clear
          </button>
        )}
        <span class="keys wide-only">
          <kbd>/</kbd> search <kbd>j</kbd> <kbd>k</kbd> move <kbd>Enter</kbd> open
        </span>
      </div>
    </>
  );
}
