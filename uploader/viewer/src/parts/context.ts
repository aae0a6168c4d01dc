import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Report } from "../data/report";

const ReportContext = createContext<Report | null>(null);

export const ReportProvider = ReportContext.Provider;

/** The report that this page shows. */
export function useReport(): Report {
  const report = useContext(ReportContext);
  if (!report) throw new Error("no report above this component");
  return report;
}
