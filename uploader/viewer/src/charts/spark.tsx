import { useReport } from "../parts/context";
import type { RunNumber } from "../data/report";
import { spread } from "./scale";

const PARTS = 40;

/** When these runs began, small. */
export function Spark({ runs }: { runs: RunNumber[] }) {
  const counts = spread(useReport(), runs, PARTS);
  const most = Math.max(...counts);
  const bars = counts.map((n, part) => (n ? `M${part * 3} 16v-${3 + (n / most) * 13}h2.4V16z` : "")).join("");
  return (
    <svg viewBox="0 0 120 16" class="spark" aria-hidden="true">
      <path class="ground" d="M0 15h120v1H0z" />
      <path class="b2" d={bars} />
    </svg>
  );
}
