/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The console shows the runbook of docs/.
  server: { fs: { allow: [".."] } },
  build: {
    // Each page has its own entry, so the shop loads no component of the console.
    rolldownOptions: { input: { shop: "index.html", console: "console/index.html" } },
    // The Content Security Policy allows images and fonts as data, and no script.
    assetsInlineLimit: 4096,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true, testTimeout: 30_000 },
});
