/** Searches one chunk at a time. */
import { parseBody } from "../data/body";
import { unpack } from "../data/unpack";
import { findHit, needleOf, roughNeedle, type Hit } from "./hit";

/** A run in the chunk: its number, and its place in bytes. */
export type Place = [run: number, offset: number, length: number];

export interface Task {
  base64: string;
  text: string;
  places: Place[];
}

/** The runs that have the text; null if the chunk is damaged. */
export type Found = [run: number, hit: Hit][] | null;

const decoder = new TextDecoder();

async function search({ base64, text, places }: Task): Promise<Found> {
  let bytes: Uint8Array;
  try {
    bytes = await unpack(base64);
  } catch {
    return null;
  }
  const rough = roughNeedle(text);
  const needle = needleOf(text);
  const found: [number, Hit][] = [];
  for (const [run, offset, length] of places) {
    const json = decoder.decode(bytes.subarray(offset, offset + length));
    const hit = rough.test(json) && findHit(parseBody(json), needle);
    if (hit) found.push([run, hit]);
  }
  return found;
}

onmessage = async ({ data }: MessageEvent<Task>) => postMessage(await search(data));
