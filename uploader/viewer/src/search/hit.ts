/** Where a text stands in a run: which member, and the words around it. */
import type { Json, RunBody } from "../data/format";
import { LongInteger } from "../text/exact";
import { asText, member, members, parsed } from "../text/json";

export interface Hit {
  /** What the text stands in: "answer", "arguments of find_order". */
  field: string;
  before: string;
  found: string;
  after: string;
}

const AROUND = 60; // characters

/** The texts of a value: of JSON, the texts in it. */
function* textsIn(value: Json | undefined): Generator<string> {
  const tree = typeof value === "string" ? (parsed(value) ?? value) : value;
  if (typeof tree === "string") yield tree;
  else if (typeof tree === "object" && tree !== null && !(tree instanceof LongInteger)) {
    for (const [name, inner] of Object.entries(tree)) {
      if (!Array.isArray(tree)) yield name;
      yield* textsIn(inner);
    }
  } else if (tree !== undefined) yield asText(tree);
}

/** What is searched, in the order in which a hit tells most: the run's own texts before what its steps repeat. */
function* fields({ run, steps, tools, feedback, spans = [], posts = [] }: RunBody): Generator<[string, Json | undefined]> {
  const prompt = member(run, "prompt");
  yield ["prompt", member(prompt, "user_prompt")];
  yield ["error", member(run, "status_message")];
  yield ["answer", member(run, "response")];
  for (const tool of tools) {
    const name = asText(tool["tool_name"]);
    yield ["tool", name];
    yield [`arguments of ${name}`, tool["args"]];
    yield [`result of ${name}`, tool["result"]];
    yield [`error of ${name}`, tool["status_message"]];
  }
  for (const [number, step] of steps.entries()) {
    yield [`error of step ${number + 1}`, step["status_message"]];
    yield [`answer of step ${number + 1}`, step["response"]];
  }
  for (const one of feedback) yield ["feedback", one["text"]];
  for (const [name, value] of members(member(run, "metadata"))) yield [`metadata ${name}`, value];
  for (const [number, step] of steps.entries()) yield [`prompt of step ${number + 1}`, step["prompt"]];
  yield ["system prompt", member(prompt, "system_prompt")];
  // and whatever else there is
  yield ["run", run];
  for (const [number, step] of steps.entries()) yield [`step ${number + 1}`, step];
  for (const tool of tools) yield [`tool call ${asText(tool["tool_name"])}`, tool];
  for (const span of spans) yield [`span ${asText(span["name"])}`, span];
  for (const post of posts) yield [`${post.kind} ${post.path}`, post.body];
}

/** Return the first place of a text, whatever the case of its letters; null if there is none. */
export function findHit(body: RunBody, needle: RegExp): Hit | null {
  for (const [field, value] of fields(body)) {
    for (const text of textsIn(value)) {
      const found = needle.exec(text);
      if (!found) continue;
      const end = found.index + found[0].length;
      return {
        field,
        before: text.slice(Math.max(0, found.index - AROUND), found.index),
        found: found[0],
        after: text.slice(end, end + AROUND * 2),
      };
    }
  }
  return null;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
const ascii = (text: string): string =>
  text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Find this text, whatever the case. */
export const needleOf = (text: string): RegExp => new RegExp(escaped(text), "iu");

/**
 * A first look into the JSON of a run, before it is parsed: the text as JSON writes it,
 * also within a JSON text within JSON, and with ASCII alone as Python writes it there.
 */
export function roughNeedle(text: string): RegExp {
  const once = inJson(text);
  const twice = inJson(once);
  const twiceAscii = inJson(ascii(once));
  return new RegExp([...new Set([once, twice, twiceAscii])].map(escaped).join("|"), "iu");
}
