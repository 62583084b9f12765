#!/usr/bin/env bash
# Checks against the real Jaeger and OpenTelemetry Collector, built from source by backends.sh: the configuration is
# valid, and what a hive recorded can be read back from Jaeger, directly and through the collector.
# Closes with `backends: N passed, N failed, N skipped`. Needs dist/, and Go for the first build.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1

built=$(bash scripts/backends.sh)
status=$?
if [ "$status" -eq 3 ]; then
  echo 'backends: 0 passed, 0 failed, 1 skipped'
  exit 0
elif [ "$status" -ne 0 ]; then
  echo "backends: 0 passed, 1 failed, 0 skipped"
  exit 1
fi
jaeger=$(sed -n 's/^jaeger=//p' <<<"$built")
otelcol=$(sed -n 's/^otelcol=//p' <<<"$built")
node scripts/check-backends.mjs "$jaeger" "$otelcol"
