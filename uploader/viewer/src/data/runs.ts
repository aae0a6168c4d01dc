import { blockText } from "./blocks";
import { parseBody } from "./body";
import type { RunBody } from "./format";
import type { Report, RunNumber } from "./report";
import { unpack } from "./unpack";

const KEPT = 64 << 20; // bytes of unpacked chunks

const kept = new Map<number, Uint8Array>(); // least recently used first

/** Return the base64 text of a chunk. */
export const chunkText = (chunk: number): Promise<string> => blockText(`c${chunk}`, `c${chunk + 1}`);

async function chunkBytes(chunk: number): Promise<Uint8Array> {
  let bytes = kept.get(chunk);
  if (!bytes) {
    const text = await chunkText(chunk);
    try {
      bytes = await unpack(text);
    } catch {
      throw new Error(`Part ${chunk} of this file is damaged, and this run lies in it. Copy or download it again.`);
    }
  }
  kept.delete(chunk);
  kept.set(chunk, bytes);
  let size = 0;
  for (const other of kept.values()) size += other.length;
  for (const [oldest, other] of kept) {
    if (size <= KEPT || oldest === chunk) break;
    kept.delete(oldest);
    size -= other.length;
  }
  return bytes;
}

/** Return the contents of a run. Throws an error with a sentence for the reader. */
export async function loadRun({ columns }: Report, run: RunNumber): Promise<RunBody> {
  const bytes = await chunkBytes(columns.chunk[run]!);
  const offset = columns.offset[run]!;
  return parseBody(new TextDecoder().decode(bytes.subarray(offset, offset + columns.length[run]!)));
}
