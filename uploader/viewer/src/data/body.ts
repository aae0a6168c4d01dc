import { REPEATED, type Json, type Repeated, type RunBody } from "./format";

const isRepeated = (value: Json | undefined): value is Json & Repeated =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Array.isArray(value["$"]);

/** Parse the contents of one run, and write out what a step repeats of the one before. */
export function parseBody(text: string): RunBody {
  const body = JSON.parse(text) as RunBody;
  for (const member of REPEATED) {
    let before = "";
    for (const step of body.steps) {
      const value = step[member];
      if (isRepeated(value)) step[member] = before.slice(0, value.$[0]) + value.$[1];
      const whole = step[member];
      if (typeof whole === "string") before = whole;
    }
  }
  return body;
}

/** The run as the server would be sent it. */
export function asBatch(body: RunBody): { type: "batch"; items: Json[] } {
  return { type: "batch", items: [...(body.run ? [body.run] : []), ...body.steps, ...body.tools] };
}
