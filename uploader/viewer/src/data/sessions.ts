import type { Report, RunNumber } from "./report";

/** The turns of a session, oldest first; sub-runs are parts of their turns. */
export function turnsOf({ columns: c, newest, sessions }: Report, id: string): RunNumber[] {
  const session = sessions.indexOf(id);
  return session < 0 ? [] : newest.filter((run) => c.session[run] === session && !c.parent[run]).reverse();
}
