import { defineConfig } from 'vite';

/** Where `npm run dev` finds a gateway (`npm run mock` listens there). */
const GATEWAY = process.env.FANWIRE_URL ?? 'http://127.0.0.1:7400';

export default defineConfig({
  base: './',
  // The SDK is compiled from its source, so that a change in it needs no build of its own.
  resolve: { conditions: ['fanwire-source', 'module', 'browser', 'development|production'] },
  build: { outDir: '../dist', emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 700 },
  server: { proxy: { '/v1': { target: GATEWAY, ws: true } } },
});
