import { useMemo, useState } from "preact/hooks";
import type { Report } from "../data/report";
import { useReport } from "../parts/context";
import { sessionAddress } from "../route";
import { measure } from "../search/query";
import { count, counted, dollars, duration, minute, short } from "../text/numbers";
import { oneLine } from "../text/visible";

const SHOWN = 200;

interface Session {
  id: string;
  prompt: string;
  last: number;
  turns: number;
  failed: number;
  took: number;
  tokens: number;
  cost: number;
}

/** All sessions, the one with the newest run first. */
function sessionsOf(report: Report): Session[] {
  const { columns: c, newest, sessions } = report;
  const tokens = measure(report, "tokens");
  const found = new Map<number, Session>();
  for (const run of newest.toReversed()) {
    const number = c.session[run]!;
    if (number < 0) continue;
    let session = found.get(number);
    if (!session) {
      session = { id: sessions[number]!, prompt: c.prompt[run]!, last: 0, turns: 0, failed: 0, took: 0, tokens: 0, cost: 0 };
      found.set(number, session);
    }
    session.last = c.start[run]!;
    if (!c.parent[run]) session.turns++; // a sub-run is a part of its turn
    if (c.status[run]! === 2) session.failed++;
    session.took += c.parent[run] ? 0 : c.took[run]!;
    session.tokens += tokens(run);
    session.cost += c.cost[run]!;
  }
  return [...found.values()].sort((a, b) => b.last - a.last);
}

/** The list of sessions. */
export function Sessions() {
  const report = useReport();
  const sessions = useMemo(() => sessionsOf(report), [report]);
  const [shown, show] = useState(SHOWN);
  return (
    <main id="main" class="page">
      <h1 class="unseen">Sessions</h1>
      <section class="card">
        <h2>{counted(sessions.length, "session")}</h2>
        {sessions.length === 0 && <p class="nothing">No run has a session_id.</p>}
        {sessions.length > 0 && (
          <table class="sessions">
            <thead>
              <tr>
                <th class="wide-only">last (UTC)</th>
                <th>began with</th>
                <th class="wide-only">session</th>
                <th class="right">turns</th>
                <th class="right">failed</th>
                <th class="right wide-only">agent time</th>
                <th class="right middle-only">tokens</th>
                <th class="right">cost</th>
              </tr>
            </thead>
            <tbody>
              {sessions.slice(0, shown).map((session) => (
                <tr key={session.id}>
                  <td class="time wide-only">{minute(session.last)}</td>
                  <td class="message-cell">
                    <a class="cut" dir="auto" href={sessionAddress(session.id)}>
                      {oneLine(session.prompt) || "no prompt"}
                    </a>
                  </td>
                  <td class="name-cell dim wide-only">{oneLine(session.id)}</td>
                  <td class="right">{count(session.turns)}</td>
                  <td class={session.failed ? "right bad" : "right"}>{session.failed ? count(session.failed) : "—"}</td>
                  <td class="right wide-only">{duration(session.took)}</td>
                  <td class="right middle-only">{short(session.tokens)}</td>
                  <td class="right">{dollars(session.cost)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {shown < sessions.length && (
          <button type="button" class="link" onClick={() => show(shown + SHOWN)}>
            show more
          </button>
        )}
      </section>
    </main>
  );
}
