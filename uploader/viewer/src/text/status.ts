/** How a run, step or tool call ended. The index has these numbers; the last three are of runs alone. */
export const STATUSES = ["success", "partial", "error", "unended", "missing", "unknown"] as const;
/** From this one on, a run has no end that was told. */
export const UNENDED = 3;
export const GLYPHS = ["✓", "◐", "✕", "◌", "?", "◇"] as const;
export const MEANINGS = [
  "success",
  "partial success",
  "error",
  "no end was recorded: it still runs, or its process died",
  "only its late steps, tool calls or feedback are here",
  "what was posted about it does not say how it ended",
] as const;

export type StatusNumber = 0 | 1 | 2 | 3 | 4 | 5;

/** A recorded status code as a status: what is neither success nor partial is an error. */
export const statusOf = (code: unknown): StatusNumber =>
  code === 0 || code === undefined || code === null ? 0 : code === 1 ? 1 : 2;

/** What became of a run's record. */
export const FATES = ["", "pending", "delivered", "dead", "dropped"] as const;
