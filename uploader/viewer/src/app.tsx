import { useEffect, useRef, useState } from "preact/hooks";
import { cutOff } from "./data/blocks";
import { Overview } from "./pages/overview";
import { Run } from "./pages/run";
import { Runs } from "./pages/runs";
import { Session } from "./pages/session";
import { Sessions } from "./pages/sessions";
import { useReport } from "./parts/context";
import { Help } from "./parts/help";
import { useKeys } from "./parts/keys";
import { go, useRoute, type Visit } from "./route";
import { moment } from "./text/numbers";
import { oneLine } from "./text/visible";

const TABS: [view: string, address: string, name: string, views: string[]][] = [
  ["", "#/", "Overview", [""]],
  ["runs", "#/runs", "Runs", ["runs", "run"]],
  ["sessions", "#/sessions", "Sessions", ["sessions", "session"]],
];

function View({ route }: { route: Visit }) {
  switch (route.view) {
    case "runs":
      return <Runs key={route.number} options={route.options} />;
    case "run":
      return <Run id={route.id} call={route.call} />;
    case "sessions":
      return <Sessions />;
    case "session":
      return <Session key={route.id} id={route.id} />;
    default:
      return <Overview />;
  }
}

/** Put the other colours on; the first time, the other than the system's. */
function toggleTheme(): void {
  const { style } = document.documentElement;
  const dark = style.colorScheme ? style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  style.colorScheme = dark ? "light" : "dark";
}

/** Damage, and what was left out. */
function Notes() {
  const { notes } = useReport();
  const [incomplete, setIncomplete] = useState(false);
  useEffect(() => void cutOff().then(setIncomplete), []);
  const all = incomplete ? ["This file is cut off: later runs can't be opened. Copy or download it again.", ...notes] : notes;
  if (all.length === 0) return null;
  return (
    <aside class="notes" aria-label="Notes">
      {all.map((note) => (
        <p>{oneLine(note)}</p>
      ))}
    </aside>
  );
}

/** The page: header, notes, and the view that the address names. */
export function App() {
  const report = useReport();
  const route = useRoute();
  const help = useRef<HTMLDialogElement>(null);
  const showHelp = (): void => help.current?.showModal();

  const focusSearch = (): void => document.getElementById("search")?.focus();
  useKeys({
    "/": () => {
      if (route.view !== "runs") go("#/runs");
      setTimeout(focusSearch, 50); // the list may have to be rendered first
    },
    "?": showHelp,
  });
  useEffect(() => {
    const leave = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && event.target instanceof HTMLInputElement) event.target.blur();
    };
    addEventListener("keydown", leave);
    return () => removeEventListener("keydown", leave);
  }, []);
  useEffect(() => {
    document.title = `${route.id ? `${oneLine(route.id).slice(0, 40)} · ` : ""}tcc report`;
  }, [route.id]);

  const sources = report.sources.map(oneLine).join(", ");
  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          tcc report
        </a>
        <nav aria-label="Views">
          {TABS.map(([view, address, name, views]) => (
            <a key={view} href={address} aria-current={views.includes(route.view) ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <span class="made wide-only" title={`${sources} · tcc-upload ${report.version}`}>
          {sources}
          {report.selection && ` · ${oneLine(report.selection)}`} · made {moment(Date.parse(report.made))} UTC
        </span>
        <button type="button" class="small" onClick={toggleTheme} aria-label="Switch between light and dark">
          ◐
        </button>
        <button type="button" class="small" onClick={showHelp} aria-label="Keys and filters">
          ?
        </button>
      </header>
      <Notes />
      <View route={route} />
      <Help dialog={help} />
    </>
  );
}
