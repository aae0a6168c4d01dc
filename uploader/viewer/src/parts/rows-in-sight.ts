import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { usePrinting } from "./printing";

const MARGIN = 8; // rows above and below, so that fast scrolling shows no gap
const PRINTED = 500;

export interface InSight {
  first: number;
  last: number;
  /** Scroll as little as shows this row. */
  show: (row: number) => void;
}

/**
 * Which rows of a scrolling box are in sight. All rows have the same height (pixels);
 * `head` is the height of what stays above them.
 */
export function useRowsInSight(box: RefObject<HTMLElement | null>, rows: number, height: number, head = 0): InSight {
  const [top, setTop] = useState(0);
  const [sight, setSight] = useState(800);
  const printing = usePrinting();
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const scrolled = (): void => setTop(element.scrollTop);
    const resized = new ResizeObserver(() => setSight(element.clientHeight));
    element.addEventListener("scroll", scrolled, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      resized.disconnect();
    };
  }, []);
  const show = (row: number): void => {
    const element = box.current;
    if (!element) return;
    const above = row * height;
    if (above < element.scrollTop) element.scrollTop = above;
    else if (head + above + height > element.scrollTop + element.clientHeight) {
      element.scrollTop = head + above + height - element.clientHeight;
    }
  };
  if (printing) return { first: 0, last: Math.min(rows, PRINTED), show };
  return {
    first: Math.max(0, Math.floor(top / height) - MARGIN),
    last: Math.min(rows, Math.ceil((top + sight) / height) + MARGIN),
    show,
  };
}
