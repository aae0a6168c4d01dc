import { useState } from "preact/hooks";

const SHOWN = 1200; // milliseconds

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); // where the page may not use the clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** A button that copies a text. */
export function Copy({ text, label = "Copy" }: { text: () => string; label?: string }) {
  const [done, set] = useState(false);
  const pressed = async (): Promise<void> => {
    await copy(text());
    set(true);
    setTimeout(() => set(false), SHOWN);
  };
  return (
    <button type="button" class="small" onClick={pressed}>
      <span aria-live="polite">{done ? "Copied" : label}</span>
    </button>
  );
}

/** A button that saves a text as a file. */
export function Save({ text, name, label }: { text: () => string; name: string; label: string }) {
  const pressed = (): void => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text()], { type: "application/json" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <button type="button" class="small" onClick={pressed}>
      {label}
    </button>
  );
}
