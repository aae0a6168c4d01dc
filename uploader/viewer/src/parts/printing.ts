import { options } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Whether the page is being printed: then everything must be there, not only what is in sight. */
export function usePrinting(): boolean {
  const [printing, set] = useState(false);
  useEffect(() => {
    const now = (value: boolean) => () => {
      const later = options.debounceRendering;
      options.debounceRendering = (render) => render(); // the browser takes the page when this returns
      set(value);
      options.debounceRendering = later;
    };
    const before = now(true);
    const after = now(false);
    addEventListener("beforeprint", before);
    addEventListener("afterprint", after);
    return () => {
      removeEventListener("beforeprint", before);
      removeEventListener("afterprint", after);
    };
  }, []);
  return printing;
}
