import { oneLine } from "../text/visible";

/** The page of something that is not in this report; `all` leads to what is. */
export function Unknown({ what, id, all }: { what: "run" | "session"; id: string; all: string }) {
  return (
    <main id="main" class="page">
      <h1>
        No {what} {oneLine(id)}
      </h1>
      <p class="nothing">
        It is not in this report. <a href={all}>All {what}s</a>
      </p>
    </main>
  );
}
