import { GLYPHS, MEANINGS, STATUSES, type StatusNumber } from "../text/status";

/** An outcome: a sign and a word, never colour alone. The word is for the ear unless `word` is set. */
export function Status({ status, word = false }: { status: StatusNumber; word?: boolean }) {
  return (
    <span class={`st st${status}`} title={MEANINGS[status]}>
      <span aria-hidden="true">{GLYPHS[status]}</span>
      <span class={word ? "st-word" : "unseen"}>{STATUSES[status]}</span>
    </span>
  );
}
