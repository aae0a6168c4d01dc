import { parseJson } from "../text/exact";
import { member } from "../text/json";
import { REPEATED, type Json, type Repeated, type RunBody } from "./format";

const isRepeated = (value: Json | undefined): value is Json & Repeated => Array.isArray(member(value, "$"));

/** Parse the contents of one run, and write out what a step repeats of the one before. */
export function parseBody(text: string): RunBody {
  const body = parseJson(text) as unknown as RunBody;
  for (const name of REPEATED) {
    let before = "";
    for (const step of body.steps) {
      const value = step[name];
      if (isRepeated(value)) step[name] = typeof value.$[1] === "string" ? before.slice(0, value.$[0]) + value.$[1] : value.$[1];
      const whole = step[name];
      if (typeof whole === "string") before = whole;
    }
  }
  return body;
}

/** The run as the server would be sent it; of what another SDK posted, what was read of it. */
export function asBatch(body: RunBody): { type: "batch"; items: Json[]; posts?: Json[] } {
  const items = [...(body.run ? [body.run] : []), ...body.steps, ...body.tools, ...(body.spans ?? [])];
  return { type: "batch", items, ...(body.posts && { posts: body.posts }) };
}
