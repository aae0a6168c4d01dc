/** JSON, read and written so that integers beyond 2^53 keep the digits that were recorded. */
import type { Json } from "../data/format";

/** An integer that a JavaScript number can't hold. */
export class LongInteger {
  readonly #digits: string;

  constructor(digits: string) {
    this.#digits = digits;
  }

  toJSON(): string {
    return MARK + this.#digits;
  }
}

/** What stands before the digits while they are a text. It is new with each page, so that no recorded text has it. */
const MARK = `${Math.random()}:`;
const WRITTEN = new RegExp(`"${MARK}(-?\\d+)"`, "g");

/** A first look: whether there may be such an integer. It may as well stand in a text. */
const PERHAPS = /[:,[]\s*-?\d{16}/;
const INTEGER = /-?\d[\d.eE+-]*/g;

const kept = (number: string): string =>
  /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)) ? `"${MARK}${number}"` : number;

/** Where the text ends that begins with the quote at `start`. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let before = end;
    while (json[before - 1] === "\\") before--;
    if ((end - before) % 2 === 0) return end + 1;
  }
  return json.length;
}

/** Make texts of the long integers, but leave what stands in texts. */
function withTexts(json: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let text = json.indexOf('"'); text >= 0; text = json.indexOf('"', at)) {
    parts.push(json.slice(at, text).replace(INTEGER, kept));
    at = endOfText(json, text);
    parts.push(json.slice(text, at));
  }
  return parts.join("") + json.slice(at).replace(INTEGER, kept);
}

/** Like JSON.parse. */
export function parseJson(json: string): Json {
  const marked = PERHAPS.test(json) ? withTexts(json) : json;
  if (marked.length === json.length) return JSON.parse(json) as Json;
  return JSON.parse(marked, (_, value: Json) =>
    typeof value === "string" && value.startsWith(MARK) ? new LongInteger(value.slice(MARK.length)) : value,
  ) as Json;
}

/** Like JSON.stringify. */
export const toJson = (value: unknown, indent = 0): string =>
  JSON.stringify(value, null, indent).replace(WRITTEN, "$1");
