/** Base64 and gzip to bytes; shared with the search worker. */

const decoded = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.fromBase64
    ? Uint8Array.fromBase64(base64)
    : Uint8Array.from(atob(base64), (unit) => unit.charCodeAt(0));

/** Return the unpacked bytes. Throws when they are damaged: gzip holds a checksum. */
export async function unpack(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new DecompressionStream("gzip");
  const writer = stream.writable.getWriter();
  // an error is thrown by the reader below; here it would be reported a second time
  writer.write(decoded(base64)).catch(() => undefined);
  writer.close().catch(() => undefined);
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = stream.readable.getReader(); // twice as fast as a Response around the stream
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    size += part.value.length;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
