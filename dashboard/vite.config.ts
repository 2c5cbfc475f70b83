import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import react from '@vitejs/plugin-react';
import { gzipSync } from 'fflate';
import { defineConfig, type Plugin } from 'vite';

const compressible = /\.(css|js|json|md|svg|ttf)$/;

/**
 * Stores each file that compresses well as `.gz` only: the build is committed and embedded, so every byte counts in the
 * repository and in the binary. The server hands the file out as it is, or unpacks it for a client that takes no gzip.
 *
 * fflate is plain JavaScript: unlike node's zlib it gives the same bytes on every processor, and time 0 keeps the
 * moment of the build out of the header.
 */
function storeGzipped(): Plugin {
  return {
    name: 'muster-store-gzipped',
    apply: 'build',
    writeBundle(options, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!compressible.test(name)) continue;
        const path = join(options.dir ?? 'dist', name);
        const raw = readFileSync(path);
        const packed = gzipSync(raw, { level: 9, mem: 12, mtime: 0 });
        if (packed.length > raw.length * 0.9) continue;
        writeFileSync(`${path}.gz`, packed);
        rmSync(path);
      }
    },
  };
}

/** In development, the Playground is served at the address that the Go server gives it. */
function playgroundAddress(): Plugin {
  return {
    name: 'muster-page-addresses',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        if (request.url?.split('?')[0] === '/playground') request.url = request.url.replace('/playground', '/playground.html');
        next();
      });
    },
  };
}

// `npm run dev` asks a running Muster; its allow-list of origins knows its own address only, so that one is sent.
const server = process.env.MUSTER_PUBLIC_URL ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [react(), playgroundAddress(), storeGzipped()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 10_000,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      // The React compiler has marked GraphiQL's modules for itself; in a bundle the mark means nothing.
      onLog(level, log, handler) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handler(level, log);
      },
      input: ['index.html', 'playground.html'].map((page) => resolve(import.meta.dirname, page)),
    },
  },
  // GraphiQL's workers are named with a query (`?worker`) that only Vite itself reads, not its packing of dependencies.
  optimizeDeps: {
    exclude: ['graphiql/setup-workers/vite', '@graphiql/react/setup-workers/vite'],
  },
  server: {
    proxy: {
      '/graphql': { target: server, ws: true, headers: { origin: server } },
      '/mailbox': { target: server },
    },
  },
});
