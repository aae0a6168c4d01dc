/** The page's state is in the address's fragment: `#/run/ID/CALL`, `#/runs?q=…&sort=…`. */
import { useLayoutEffect, useState } from "preact/hooks";

export interface Route {
  /** "", "runs", "run", "session", "sessions". */
  view: string;
  /** What it shows: a run's or session's id. */
  id: string;
  /** The call of the run that is selected. */
  call: string;
  options: URLSearchParams;
}

/** A route, and how many came before it. */
export interface Visit extends Route {
  number: number;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // written by hand: as it is
  }
}

export function parseRoute(fragment: string): Route {
  const [path = "", options = ""] = fragment.replace(/^#/, "").split("?", 2);
  const [, view = "", id = "", call = ""] = path.split("/");
  return { view, id: decoded(id), call: decoded(call), options: new URLSearchParams(options) };
}

export const runAddress = (id: string, call = ""): string =>
  `#/run/${encodeURIComponent(id)}${call && `/${encodeURIComponent(call)}`}`;

export const sessionAddress = (id: string): string => `#/session/${encodeURIComponent(id)}`;

export const go = (address: string): void => {
  location.hash = address;
};

/** Write the page's state into the address; going back leads to where the page was before. */
export const remember = (address: string): void => history.replaceState(null, "", address);

export function useRoute(): Visit {
  const [visit, set] = useState({ fragment: location.hash, number: 0 });
  useLayoutEffect(() => {
    const changed = (): void => set(({ number }) => ({ fragment: location.hash, number: number + 1 }));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return { ...parseRoute(visit.fragment), number: visit.number };
}
