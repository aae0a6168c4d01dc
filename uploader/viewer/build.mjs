// Bundles src/ to app.js and app.css beside the packer, which writes both into every report.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const OUT = process.argv[2] ?? new URL("../tcc_uploader/inspect/report/assets", import.meta.url).pathname;
const common = {
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};
const script = {
  ...common,
  format: "iife",
  jsx: "automatic",
  jsxImportSource: "preact",
  target: ["chrome123", "firefox120", "safari17.5"],
};

/** `import source from "worker:./x"` gives the bundled script as a text: a worker of a page from file:// starts from a blob. */
const workers = {
  name: "workers",
  setup(plugin) {
    plugin.onResolve({ filter: /^worker:/ }, (found) => ({
      path: new URL(`${found.path.slice("worker:".length)}.ts`, `file://${found.importer}`).pathname,
      namespace: "worker",
    }));
    plugin.onLoad({ filter: /./, namespace: "worker" }, async ({ path }) => {
      const bundled = await build({ ...script, entryPoints: [path], write: false });
      return { contents: bundled.outputFiles[0].text, loader: "text" };
    });
  },
};

const licence = await readFile(new URL("node_modules/preact/LICENSE", import.meta.url), "utf8");

await build({
  ...script,
  entryPoints: ["src/main.tsx"],
  outfile: `${OUT}/app.js`,
  banner: { js: `/* Preact\n${licence.trim()}\n*/` },
  plugins: [workers],
});
await build({ ...common, target: script.target, entryPoints: ["src/styles/main.css"], outfile: `${OUT}/app.css` });
