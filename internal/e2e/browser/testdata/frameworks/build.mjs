// Draws the page with a framework as its server does, into page.html, and builds the script that
// takes it over in a browser, page.js: node build.mjs FRAMEWORK RELAY PROPERTY.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [framework, relay, property] = process.argv.slice(2), props = JSON.stringify({ relay, property });

// In development a framework tells of every difference from what its server drew.
const flags = { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true" };
const options = { bundle: true, jsx: "automatic", define: { "process.env.NODE_ENV": '"development"', ...flags } };

const kinds = {
  react: {
    server: `import { renderToString } from "react-dom/server"; import { Page } from "./app.jsx"; export const html = renderToString(<Page {...${props}} />);`,
    browser: `import { hydrateRoot } from "react-dom/client"; import { Page } from "./app.jsx"; hydrateRoot(document.getElementById("app"), <Page {...${props}} />);`,
  },
  vue: {
    server: `import { renderToString } from "vue/server-renderer"; import { page } from "./vue.mjs"; export const html = await renderToString(page("${relay}", "${property}"));`,
    browser: `import { page } from "./vue.mjs"; page("${relay}", "${property}").mount("#app");`,
  },
  svelte: {
    server: `import { render } from "svelte/server"; import Page from "./Page.svelte"; export const html = render(Page, { props: ${props} }).body;`,
    browser: `import { hydrate } from "svelte"; import Page from "./Page.svelte"; hydrate(Page, { target: document.getElementById("app"), props: ${props} });`,
  },
};

const svelte = (generate) => ({
  name: "svelte",
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { compile } = await import("svelte/compiler");
      return { contents: compile(await readFile(path, "utf8"), { generate, dev: generate === "client", filename: path }).js.code };
    });
  },
});

async function bundle(side, contents, more) {
  const stdin = { contents, loader: "jsx", resolveDir: import.meta.dirname };
  await build({ ...options, ...more, stdin, plugins: [svelte(side === "server" ? "server" : "client")], outfile: side === "server" ? "server.mjs" : "page.js" });
}

const { server, browser } = kinds[framework];
const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
await bundle("server", server, { platform: "node", format: "esm", banner });
await bundle("browser", browser, { conditions: ["browser"], format: "iife" });
const { html } = await import(pathToFileURL("server.mjs"));
await writeFile("page.html", html);
