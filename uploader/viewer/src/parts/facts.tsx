import type { ComponentChildren } from "preact";
import { oneLine } from "../text/visible";

/** The few numbers at the head of a page. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Names and recorded values. */
export function Pairs({ pairs }: { pairs: [string, string][] }) {
  return (
    <dl class="pairs">
      {pairs.map(([name, value]) => (
        <>
          <dt>{oneLine(name)}</dt>
          <dd>{oneLine(value)}</dd>
        </>
      ))}
    </dl>
  );
}
