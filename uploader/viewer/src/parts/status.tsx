import { GLYPHS, STATUSES, statusOf } from "../text/status";

/** An outcome: a sign and a word, never colour alone. The word is for the ear unless `word` is set. */
export function Status({ code, word = false }: { code: unknown; word?: boolean }) {
  const status = statusOf(code);
  return (
    <span class={`st st${status}`} title={STATUSES[status]}>
      <span aria-hidden="true">{GLYPHS[status]}</span>
      <span class={word ? "st-word" : "unseen"}>{STATUSES[status]}</span>
    </span>
  );
}
