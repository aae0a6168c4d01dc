export const STATUSES = ["success", "partial", "error"] as const;
export const GLYPHS = ["✓", "◐", "✕"] as const;

export type StatusNumber = 0 | 1 | 2;

/** A recorded status code as one of three: what is neither success nor partial is an error. */
export const statusOf = (code: unknown): StatusNumber => (code === 0 || code === undefined ? 0 : code === 1 ? 1 : 2);
