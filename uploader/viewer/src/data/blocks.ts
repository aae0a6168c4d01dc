/** The inert data blocks of the page: found when they have arrived, decoded and unpacked when they are needed. */

declare global {
  interface Uint8ArrayConstructor {
    fromBase64?: (text: string) => Uint8Array<ArrayBuffer>;
  }
}

const POLL = 50; // milliseconds; while the page loads, a block may arrive at any time

export class Missing extends Error {}

const loading = (): boolean => document.readyState === "loading";

/** Return the base64 text of a block. Throws Missing when the whole page was read and it is not there. */
export async function blockText(id: string, next: string): Promise<string> {
  for (;;) {
    const last = !loading(); // asked before the block is looked for: what comes in between is found in the next round
    const block = document.getElementById(id);
    // a block may still be growing until something follows it
    if (block && (document.getElementById(next) ?? document.getElementById("end"))) return block.textContent ?? "";
    if (last) throw new Missing(`This file is cut off: part ${id} is missing. Copy or download it again.`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/** Tell, once the page has loaded, whether its end is missing. */
export async function cutOff(): Promise<boolean> {
  if (document.readyState !== "complete") await new Promise((resolve) => addEventListener("load", resolve));
  return document.getElementById("end") === null;
}
