/** What was sent to a model and what it answered: as messages if it is JSON of an API or of a convention that is known. */
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
  for (const name of ["text", "output_text", "refusal", "content"]) {
    const text = member(value, name);
    if (typeof text === "string") return text;
  }
  return asText(value);
}

/** The first of some members that is there. */
function first(item: Json, ...names: string[]): Json | undefined {
  return member(item, names.find((name) => member(item, name) !== undefined) ?? "");
}

// the types of items and of parts: the APIs of OpenAI and Anthropic, OpenTelemetry's convention, the AI SDK, pi
const CALLS = /^(function_call|tool_call|tool_use|tool-call|toolCall)$/;
const RESULTS = /^(function_call_output|tool_call_response|tool_result|tool-result)$/;

/** A call, or the result of one, where an item or a part is that. */
function asCall(item: Json): Message | undefined {
  const type = asText(member(item, "type"));
  const id = first(item, "call_id", "tool_use_id", "toolCallId", "id");
  if (CALLS.test(type)) return call(first(item, "name", "toolName"), id, first(item, "arguments", "input", "args"));
  return RESULTS.test(type) ? result(id, first(item, "output", "response", "result", "content")) : undefined;
}

function messagesOf(item: Json): Message[] {
  const role = asText(first(item, "role", "type"));
  const made = asCall(item);
  if (made) return [made];
  const content = first(item, "content", "parts");
  const id = first(item, "tool_call_id", "toolCallId");
  if ((role === "tool" && id !== undefined) || role === "toolResult") return [result(id, content)];
  const parts = Array.isArray(content) ? content : [];
  const said = parts.filter((part) => !asCall(part));
  const text = contentOf(parts.length ? said : content);
  const calls = member(item, "tool_calls");
  return [
    ...(text ? [{ kind: "text", role, text } as const] : []),
    ...parts.flatMap((part) => asCall(part) ?? []),
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
