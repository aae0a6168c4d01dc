import { render } from "preact";
import { App } from "./app";
import { loadReport } from "./data/report";
import { ReportProvider } from "./parts/context";

const root = document.getElementById("root")!;

loadReport().then(
  (report) => {
    root.textContent = ""; // what stands there is for readers without scripts
    render(
      <ReportProvider value={report}>
        <App />
      </ReportProvider>,
      root,
    );
  },
  (error: Error) => {
    root.textContent = error.message;
  },
);
