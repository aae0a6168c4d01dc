// as tcc_schemas.display: control characters, changes of direction, what has no width, tags, lone surrogates
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

/** A text in which nothing is hidden: U+202E stands as ⟨202e⟩. Tabs, newlines and joiners stay. */
export const visible = (text: string): string =>
  text.replace(HIDDEN, (found) => `⟨${found.codePointAt(0)!.toString(16).padStart(4, "0")}⟩`);

/** The same in one line. */
export const oneLine = (text: string): string => visible(text.replace(/\s+/g, " ").trim());
