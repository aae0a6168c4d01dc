/** What was sent to a model and what it answered: as messages if it is JSON of the chat or the responses API. */
import type { Json } from "../data/format";
import { asText, member, parsed } from "./json";

export interface Message {
  kind: "text" | "call" | "result";
  role: string;
  text: string;
  /** The tool's name, for a call. */
  name?: string;
  /** What a call and its result have in common. */
  call?: string;
}

/** The text of a message's content: a text, or parts of it. */
function contentOf(value: Json | undefined): string {
  if (Array.isArray(value)) return value.map(contentOf).join("\n");
  for (const name of ["text", "output_text", "refusal"]) {
    const text = member(value, name);
    if (typeof text === "string") return text;
  }
  return asText(value);
}

function messagesOf(item: Json): Message[] {
  const type = member(item, "type");
  const role = asText(member(item, "role") ?? type);
  if (type === "function_call") {
    return [call(member(item, "name"), member(item, "call_id"), member(item, "arguments"))];
  }
  if (type === "function_call_output") return [result(member(item, "call_id"), member(item, "output"))];
  if (role === "tool") return [result(member(item, "tool_call_id"), member(item, "content"))];
  const text = contentOf(member(item, "content"));
  const calls = member(item, "tool_calls");
  return [
    ...(text ? [{ kind: "text", role, text } as const] : []),
    ...(Array.isArray(calls) ? calls : []).map((made) => {
      const asked = member(made, "function");
      return call(member(asked, "name"), member(made, "id"), member(asked, "arguments"));
    }),
  ];
}

const call = (name: Json | undefined, id: Json | undefined, text: Json | undefined): Message => ({
  kind: "call",
  role: "assistant",
  name: asText(name),
  call: asText(id),
  text: asText(text),
});

const result = (id: Json | undefined, text: Json | undefined): Message => ({
  kind: "result",
  role: "tool",
  call: asText(id),
  text: contentOf(text),
});

/** The messages of a step's prompt or response; null if it is another text. */
export function messages(value: Json | undefined): Message[] | null {
  let tree = typeof value === "string" ? parsed(value) : value;
  const inner = member(tree, "messages");
  if (Array.isArray(inner)) tree = inner;
  if (!Array.isArray(tree) || tree.length === 0) return null;
  const known = tree.every((item) => member(item, "role") !== undefined || member(item, "type") !== undefined);
  return known ? tree.flatMap(messagesOf) : null;
}

const same = (a: Message, b: Message): boolean =>
  a.kind === b.kind && a.role === b.role && a.name === b.name && a.text === b.text;

/** How many messages both begin with. */
export function sharedBeginning(before: Message[], now: Message[]): number {
  let length = 0;
  while (length < before.length && length < now.length && same(before[length]!, now[length]!)) length++;
  return length;
}
