import type { ComponentChildren } from "preact";
import type { RunBody } from "../data/format";
import type { RunNumber } from "../data/report";
import { asBatch } from "../data/body";
import { useReport } from "../parts/context";
import { Copy, Save } from "../parts/copy";
import { Facts } from "../parts/facts";
import { Status } from "../parts/status";
import { runAddress, sessionAddress } from "../route";
import { filter, listOf } from "../search/query";
import { toJson } from "../text/exact";
import { count, dollars, moment, short, took } from "../text/numbers";
import { FATES } from "../text/status";
import { oneLine } from "../text/visible";

interface Props {
  run: RunNumber;
  body: RunBody | null;
  /** The runs of its session, and where it stands among them. */
  turns: RunNumber[];
  turn: number;
  raw: boolean;
  onRaw: () => void;
  onTurn: (turns: number) => void;
}

function Crumb({ run, turns, turn, onTurn }: Pick<Props, "run" | "turns" | "turn" | "onTurn">) {
  const { columns: c, sessions } = useReport();
  const session = sessions[c.session[run]!];
  return (
    <p class="crumb">
      <a href="#/runs">Runs</a> ›{" "}
      {session !== undefined && (
        <>
          <a href={sessionAddress(session)}>{oneLine(session)}</a>{" "}
          {turn >= 0 && (
            <>
              turn {turn + 1} of {turns.length}{" "}
              <button type="button" class="small" disabled={turn === 0} onClick={() => onTurn(-1)} aria-label="Previous run of this session">
                ‹
              </button>{" "}
              <button type="button" class="small" disabled={turn === turns.length - 1} onClick={() => onTurn(1)} aria-label="Next run of this session">
                ›
              </button>
            </>
          )}
        </>
      )}
    </p>
  );
}

/** Outcome, prompt, ids and the few numbers of a run. */
export function RunHead({ run, body, turns, turn, raw, onRaw, onTurn }: Props) {
  const { columns: c, tests, agents } = useReport();
  const id = c.id[run]!;
  const json = (): string => toJson(asBatch(body!), 2);
  const test = tests[c.test[run]!];
  const agent = agents[c.agent[run]!];
  const facts: [string, ComponentChildren][] = [
    ["started", `${moment(c.start[run]!)} UTC`],
    ["took", took(c, run)],
    ["calls", `${count(c.steps[run]!)} LLM · ${count(c.tool_calls[run]!)} tool`],
    ["tokens", `${short(c.tokens_in[run]!)} in · ${short(c.tokens_cached[run]!)} cached · ${short(c.tokens_out[run]!)} out`],
    ["cost", dollars(c.cost[run]!)],
  ];
  const fate = FATES[c.fate[run]!];
  if (fate) facts.push(["delivery", fate]);
  if (agent !== undefined) facts.unshift(["agent", <a href={listOf(filter("agent", agent))}>{oneLine(agent)}</a>]);
  if (test !== undefined) facts.unshift(["test", <a href={listOf(filter("test", test))}>{oneLine(test)}</a>]);
  return (
    <header class="page-head">
      <Crumb run={run} turns={turns} turn={turn} onTurn={onTurn} />
      <h1>
        <Status status={c.status[run]!} word /> {oneLine(c.prompt[run]!) || "run without a prompt"}
      </h1>
      <p class="ids">
        <code>{oneLine(id)}</code> <Copy text={() => id} label="Copy id" />{" "}
        <Copy text={() => location.href.split("#", 1)[0] + runAddress(id)} label="Copy link" />{" "}
        {body && (
          <>
            <Copy text={json} label="Copy JSON" /> <Save text={json} name={`${id.replace(/[^\w.-]/g, "_")}.json`} label="Save JSON" />{" "}
            <button type="button" class="small" aria-pressed={raw} onClick={onRaw}>
              Raw
            </button>
          </>
        )}
        {c.parent[run] && (
          <>
            {" "}
            · part of <a href={runAddress(c.parent[run]!)}>{oneLine(c.parent[run]!)}</a>
          </>
        )}
        {c.copies[run]! > 1 && <> · recorded {c.copies[run]} times; this is the last one</>}
      </p>
      <Facts facts={facts} />
    </header>
  );
}
