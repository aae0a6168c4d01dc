/** Search in the contents of all runs, in workers. */
import source from "worker:./search.worker";
import type { Report, RunNumber } from "../data/report";
import { chunkText } from "../data/runs";
import type { Hit } from "./hit";
import type { Found, Place, Task } from "./search.worker";

export interface Progress {
  hits: Map<RunNumber, Hit>;
  done: number;
  chunks: number;
  /** Chunks that are damaged or missing. */
  unread: number;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string };
}

// the only script that the page ever makes an address for is the one below
const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("tcc-worker", {
  createScriptURL: (url) => url,
});

const startWorker = (url: string): Worker => new Worker(policy ? policy.createScriptURL(url) : url);

const MOST_WORKERS = 4;

/** Which runs to look at, by chunk, in the order given. */
function placesByChunk({ columns: c }: Report, runs: RunNumber[]): Map<number, Place[]> {
  const chunks = new Map<number, Place[]>();
  for (const run of runs) {
    const chunk = c.chunk[run]!;
    if (chunk < 0) continue;
    const places = chunks.get(chunk) ?? [];
    places.push([run, c.offset[run]!, c.length[run]!]);
    chunks.set(chunk, places);
  }
  return chunks;
}

/** Look for a text in these runs; `report` is called after each chunk. Returns a function that ends the search. */
export function searchContents(
  index: Report,
  runs: RunNumber[],
  text: string,
  report: (progress: Progress) => void,
): () => void {
  const chunks = placesByChunk(index, runs);
  const waiting = [...chunks.keys()];
  const progress: Progress = { hits: new Map(), done: 0, chunks: chunks.size, unread: 0 };
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const workers: Worker[] = [];
  const stop = (): void => {
    waiting.length = 0;
    for (const worker of workers) worker.terminate();
    URL.revokeObjectURL(url);
  };
  const settle = (found: Found): void => {
    progress.done++;
    if (found === null) progress.unread++;
    for (const [run, hit] of found ?? []) progress.hits.set(run, hit);
    report({ ...progress });
    if (progress.done === progress.chunks) stop();
  };
  const next = async (worker: Worker): Promise<void> => {
    for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
      try {
        const task: Task = { base64: await chunkText(chunk), text, places: chunks.get(chunk)! };
        worker.postMessage(task);
        return;
      } catch {
        settle(null); // the file is cut off before this chunk
      }
    }
  };
  const wanted = Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency - 1, chunks.size));
  for (let started = 0; started < wanted && waiting.length; started++) {
    const worker = startWorker(url);
    workers.push(worker);
    worker.onmessage = ({ data }: MessageEvent<Found>) => {
      settle(data);
      void next(worker);
    };
    void next(worker);
  }
  if (chunks.size === 0) report(progress);
  return stop;
}
