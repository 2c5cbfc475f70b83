#!/usr/bin/env bash
# Builds the pages anew and fails where dist/ is not what the sources give. CI runs it; the build is the same, byte for
# byte, in any folder and on any machine with the versions that package-lock.json names.
set -euo pipefail
cd "$(dirname "$0")"

[[ -d node_modules ]] || npm ci
npm run --silent generate
npx tsc --noEmit

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
npx vite build --outDir "$fresh/dist" --emptyOutDir --logLevel warn
if ! diff -rq dist "$fresh/dist"; then
  echo "dashboard/dist is not what the sources give: run 'npm ci && npm run build' in dashboard/ and commit dist/." >&2
  exit 1
fi
echo "dashboard/dist is what the sources give"
