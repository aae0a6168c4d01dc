import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { usePrinting } from "../parts/printing";

const SIZE = 40; // rows
const CLOSED = 44; // pixels of a closed card, where nothing was measured yet
const MARGIN = "1200px"; // above and below what is in sight

interface PageProps {
  rows: number;
  /** Shown wherever it is. */
  always: boolean;
  children: () => ComponentChildren;
}

/** Rows that exist only near to what is in sight; elsewhere an empty box has their height. */
function Page({ rows, always, children }: PageProps) {
  const box = useRef<HTMLDivElement>(null);
  const height = useRef(rows * CLOSED);
  const [near, setNear] = useState(false);
  const here = near || always;
  useEffect(() => {
    const watched = new IntersectionObserver(
      ([entry]) => {
        if (!entry) return;
        if (!entry.isIntersecting && box.current?.childElementCount) height.current = entry.boundingClientRect.height;
        setNear(entry.isIntersecting);
      },
      { rootMargin: MARGIN },
    );
    watched.observe(box.current!);
    return () => watched.disconnect();
  }, []);
  return (
    <div ref={box} style={here ? {} : { height: `${height.current}px` }}>
      {here && children()}
    </div>
  );
}

interface Props<Item> {
  items: Item[];
  /** The place of an item that must be there; -1 for none. */
  wanted: number;
  children: (item: Item) => ComponentChildren;
}

/** A long list of rows of different heights. */
export function Pages<Item>({ items, wanted, children }: Props<Item>) {
  const printing = usePrinting();
  const pages = [];
  for (let first = 0; first < items.length; first += SIZE) {
    const part = items.slice(first, first + SIZE);
    const always = printing || items.length <= SIZE || (wanted >= first && wanted < first + SIZE);
    pages.push(
      <Page key={first} rows={part.length} always={always}>
        {() => part.map(children)}
      </Page>,
    );
  }
  return <>{pages}</>;
}
