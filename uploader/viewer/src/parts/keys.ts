import { useLayoutEffect, useRef } from "preact/hooks";

/** What each key does, by `KeyboardEvent.key`. */
export type Keys = { [key: string]: () => void };

const MOVES = new Set(["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "/"]);

/** Whether a key means something to the element that has the focus. */
const isTakenBy = (element: HTMLElement, key: string): boolean =>
  element.matches("input, textarea, select, [contenteditable]") ||
  (key === "Enter" && element.matches("a, button, summary")) ||
  element.closest("dialog") !== null;

/** Listen to single keys; not with Ctrl, Alt or Meta, and not where text is typed. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys; // at once: an effect may come after the next key
  useLayoutEffect(() => {
    // before the page is painted: whoever sees it can press a key
    const pressed = (event: KeyboardEvent): void => {
      const act = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined;
      if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target instanceof HTMLElement && isTakenBy(event.target, event.key)) return;
      if (MOVES.has(event.key)) event.preventDefault();
      act();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
