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

/** In development, pages are served at the addresses that the Go server gives them. */
function pageAddresses(): Plugin {
  const pages = ['playground', 'rejoin', 'join', 'not-me', 'reset-2fa', 'reset', 'verify', 'claim'];
  return {
    name: 'muster-page-addresses',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const [path = '', query] = (request.url ?? '').split('?');
        if (pages.includes(path.slice(1))) request.url = `${path}.html${query === undefined ? '' : `?${query}`}`;
        next();
      });
    },
  };
}

// `npm run dev` asks a running Muster; its allow-list of origins knows its own address only, so that one is sent.
const server = process.env.MUSTER_PUBLIC_URL ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [react(), pageAddresses(), storeGzipped()],
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
      input: Object.fromEntries(
        ['index', 'playground', 'rejoin', 'join', 'not-me', 'reset-2fa', 'reset', 'verify', 'claim'].map((page) => [page, resolve(import.meta.dirname, `${page}.html`)]),
      ),
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
