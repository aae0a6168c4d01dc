import { useEffect, useMemo, useState } from "preact/hooks";
import { asBatch } from "../data/body";
import type { Json, RunBody } from "../data/format";
import type { RunNumber } from "../data/report";
import { turnsOf } from "../data/sessions";
import { useReport } from "../parts/context";
import { Pairs } from "../parts/facts";
import { useBody } from "../parts/body";
import { useKeys } from "../parts/keys";
import { Unknown } from "../parts/unknown";
import { go, remember, runAddress } from "../route";
import { callsOf, nextFailed, type Call } from "../run/calls";
import { Conversation } from "../run/conversation";
import { RunHead } from "../run/head";
import { Waterfall } from "../run/waterfall";
import { toJson } from "../text/exact";
import { asText, member, members } from "../text/json";
import { GLYPHS, MEANINGS, STATUSES } from "../text/status";
import { oneLine, visible } from "../text/visible";

const THUMBS: { [score: string]: string } = { thumbs_up: "▲ thumbs up", thumbs_down: "▼ thumbs down" };

/** What went wrong, and a way to the call where it did. */
interface BannerProps {
  run: RunNumber;
  /** Empty if nothing was recorded. */
  message: string;
  failed: Call | undefined;
  onSelect: (key: string) => void;
}

function Banner({ run, message, failed, onSelect }: BannerProps) {
  const { status: statuses, failed_call } = useReport().columns;
  const status = statuses[run]!;
  if (status === 0 && !message && !failed) return null;
  return (
    <div class={`banner st${status || 1}`} role="alert">
      {(status > 0 || message) && (
        <>
          <b>
            {GLYPHS[status]} {STATUSES[status]}
          </b>{" "}
          {visible(message) || (status > 2 && MEANINGS[status])}{" "}
        </>
      )}
      {failed && (
        <button type="button" onClick={() => onSelect(failed.key)}>
          {status > 0 ? "first failing call" : "a call failed"}: <code>{oneLine(failed_call[run]!) || oneLine(failed.name)}</code>{" "}
          <kbd>e</kbd>
        </button>
      )}
    </div>
  );
}

function Feedback({ body }: { body: RunBody }) {
  if (body.feedback.length === 0) return null;
  return (
    <div class="banner feedback">
      {body.feedback.map((one) => (
        <p>
          {THUMBS[asText(one["score"])] ?? "✎"} {visible(asText(one["text"]))}
        </p>
      ))}
    </div>
  );
}

interface Props {
  run: RunNumber;
  call: string;
}

function RunPage({ run, call }: Props) {
  const report = useReport();
  const { columns: c } = report;
  const id = c.id[run]!;
  const [body, trouble] = useBody(run);
  const [selected, setSelected] = useState(call);
  const [raw, setRaw] = useState(false);
  const turns = useMemo(() => turnsOf(report, report.sessions[c.session[run]!] ?? ""), [run]);
  const calls = useMemo(() => {
    const named = new Set(asText(member(member(body?.run ?? null, "metadata"), "test.run_ids")).split(" "));
    const subRuns = report.newest.filter((other) => c.parent[other] === id || named.has(c.id[other]!)).reverse();
    return body ? callsOf(report, body, subRuns, c.start[run]!) : [];
  }, [body]);
  const turn = turns.indexOf(run);
  const place = calls.findIndex(({ key }) => key === selected);

  useEffect(() => setSelected(call), [call]);
  const select = (key: string): void => {
    setRaw(false);
    setSelected(key);
    remember(runAddress(id, key));
  };
  const toTurn = (turnsOn: number): void => {
    const other = turns[turn + turnsOn];
    if (turn >= 0 && other !== undefined) go(runAddress(c.id[other]!));
  };
  const step = (on: number) => () => {
    const next = calls[place + on];
    if (next) select(next.key);
  };
  useKeys({
    j: step(1),
    k: step(-1),
    ArrowDown: step(1),
    ArrowUp: step(-1),
    e: () => {
      const failed = nextFailed(calls, place);
      if (failed) select(failed.key);
    },
    "[": () => toTurn(-1),
    "]": () => toTurn(1),
    u: () => history.back(),
    r: () => setRaw(!raw),
  });

  return (
    <main id="main" class="page">
      <RunHead run={run} body={body} turns={turns} turn={turn} raw={raw} onRaw={() => setRaw(!raw)} onTurn={toTurn} />
      <Banner
        run={run}
        message={asText(member(body?.run ?? null, "status_message")) || (report.errors[c.error[run]!] ?? "")}
        failed={nextFailed(calls, -1)} onSelect={select}
      />
      {trouble && (
        <p class="banner st1" role="alert">
          {trouble}
        </p>
      )}
      {!body && !trouble && <p class="nothing">Reading…</p>}
      {body && <Feedback body={body} />}
      {body && raw && (
        <pre class="raw" tabIndex={0}>
          {visible(toJson({ ...asBatch(body), ...(body.feedback.length && { feedback: body.feedback }) }, 2))}
        </pre>
      )}
      {body && !raw && (
        <div class="beside">
          <section class="card waterfall" aria-label="Waterfall">
            <h2>
              Waterfall{" "}
              <span class="legend">
                <i class="step" /> LLM <i class="tool" /> tool {body.spans && <><i class="span" /> other</>} {calls.some(({ kind }) => kind === "run") && <><i class="run" /> sub-run</>}
              </span>
            </h2>
            <Waterfall calls={calls} took={c.took[run]!} selected={selected} onSelect={({ key }) => select(key)} />
            <Told title="Metadata" of={member(body.run, "metadata")} />
            <Told title="Attributes" of={member(body.run, "attributes")} />
          </section>
          <Conversation body={body} calls={calls} selected={selected} onSelect={select} />
        </div>
      )}
    </main>
  );
}

function Told({ title, of }: { title: string; of: Json | undefined }) {
  const pairs = members(of).map(([name, value]): [string, string] => [name, asText(value)]);
  if (pairs.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      <Pairs pairs={pairs} />
    </>
  );
}

/** One run: what happened when, beside what was said. */
export function Run({ id, call }: { id: string; call: string }) {
  const run = useReport().byId.get(id);
  useEffect(() => scrollTo(0, 0), [id]);
  if (run === undefined) {
    return <Unknown what="run" id={id} all="#/runs" />;
  }
  return <RunPage key={run} run={run} call={call} />;
}
