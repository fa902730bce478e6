/**
 * Checks what a browser loads for the first route of each page: its scripts and styles, compressed as CloudFront
 * compresses them. Run it after a build.
 */

import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { parseAst } from "vite";

/** The limits in kilobytes of 1000 bytes, and the parts that the first route loads besides the page's own. */
const PAGES = [
  { page: "index.html", parts: [], limits: { script: 120, style: 30 } },
  { page: "console/index.html", parts: ["Live"], limits: { script: 500 } },
];

const dist = new URL("../dist/", import.meta.url);

for (const { page, parts, limits } of PAGES) {
  const sizes = await sizesOf(page, parts);
  for (const [kind, limit] of Object.entries(limits)) {
    const kilobytes = sizes[kind] / 1000;
    const text = `${page}: ${kilobytes.toFixed(1)} kB of compressed ${kind}, at most ${limit} kB`;
    process.stdout.write(kilobytes > limit ? `${text}: TOO LARGE\n` : `${text}\n`);
    if (kilobytes > limit) process.exitCode = 1;
  }
}

/** Returns the compressed sizes of the scripts and styles that a page loads at its start. */
async function sizesOf(page, parts) {
  const html = await readFile(new URL(page, dist), "utf8");
  const entries = [...html.matchAll(/<(?:script|link)\b[^>]*?(?:src|href)="([^"]+\.(?:js|css))"/g)].map(
    ([, path]) => path,
  );
  if (entries.length === 0) throw new Error(`${page} loads no script`);
  const assets = await readdir(new URL("assets/", dist));
  for (const part of parts) {
    const name = assets.find((asset) => asset.startsWith(`${part}-`) && asset.endsWith(".js"));
    if (name === undefined) throw new Error(`there is no part ${part}`);
    entries.push(`/assets/${name}`);
  }
  const loaded = new Map();
  for (const path of entries) await load(path, loaded);
  const size = (extension) =>
    [...loaded].reduce((total, [path, bytes]) => (path.endsWith(extension) ? total + bytes : total), 0);
  return { script: size(".js"), style: size(".css") };
}

/** Loads a file, and what it imports. What it imports only when needed is left out. */
async function load(path, loaded) {
  if (loaded.has(path)) return;
  const text = await readFile(new URL(`.${path}`, dist), "utf8");
  loaded.set(path, gzipSync(text).length);
  if (!path.endsWith(".js")) return;
  for (const { type, source } of parseAst(text).body) {
    const isImport = type === "ImportDeclaration" || type.startsWith("Export");
    if (isImport && source?.value.startsWith(".")) await load(new URL(source.value, `file://${path}`).pathname, loaded);
  }
}
