#!/usr/bin/env bash
# Builds the real backends from source, once, and prints where they are: for tests, and for people without Docker.
#
#   scripts/backends.sh            prints jaeger=/path and otelcol=/path
#   scripts/backends.sh jaeger     builds and prints only that one's path; the same with otelcol
#
# Versions: scripts/backends.env. Cache: ${HIVELOG_CACHE:-$HOME/.cache/hivelog}, outside the repository.
# Needs Go; the first run takes some minutes, the next one none. Exit: 0 done, 2 bad use, 3 no Go, else the build's own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/backends.env"
cache=${HIVELOG_CACHE:-$HOME/.cache/hivelog}
manifest=$root/collector-config/builder.yaml

# The name says everything that the binary was made from, so a stale one is never taken for a fresh one.
jaeger=$cache/jaeger-$JAEGER_VERSION
otelcol=$cache/otelcol-$OTELCOL_VERSION-$(cksum <"$manifest" | cut -d' ' -f1)

# No C compiler needed, no paths of this machine inside, no question to git.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath -buildvcs=false"

need_go() {
  command -v go >/dev/null && return
  echo "backends: Go is not installed and $1 is not in $cache: install Go 1.26 or newer, or use docker compose" >&2
  exit 3
}

# Set while building, so that an interrupted build leaves nothing behind.
work=
trap 'if [ -n "$work" ]; then rm -rf "$work"; fi' EXIT

start_work() {
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/build.XXXXXX")
}

# Renaming last makes two builds at once harmless: each puts a whole binary in place.
finish_work() {
  chmod 755 "$1"
  mv -f "$1" "$2"
  rm -rf "$work"
  work=
}

build_jaeger() {
  [ -x "$jaeger" ] && return
  need_go "Jaeger $JAEGER_VERSION"
  echo "backends: building Jaeger $JAEGER_VERSION" >&2
  start_work
  local module=github.com/jaegertracing/jaeger
  # `go install` refuses a module with replace lines, so the release is built as its own main module, go.sum and all.
  # A plain assignment, not `local dir=…`: a failed download must stop the script.
  local dir
  dir=$(cd "$work" && go mod download -json "$module@v$JAEGER_MODULE_VERSION" |
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
  (cd "$dir" && nice go build -mod=readonly \
    -ldflags "-s -w -X $module/internal/version.latestVersion=v$JAEGER_VERSION" -o "$work/jaeger" ./cmd/jaeger) >&2
  finish_work "$work/jaeger" "$jaeger"
}

build_otelcol() {
  [ -x "$otelcol" ] && return
  need_go "the collector $OTELCOL_VERSION"
  echo "backends: building the OpenTelemetry Collector $OTELCOL_VERSION" >&2
  start_work
  (cd "$work" && nice go run "go.opentelemetry.io/collector/cmd/builder@v$OTELCOL_VERSION" --config "$manifest") >&2
  finish_work "$work/otelcol/otelcol" "$otelcol"
}

case "$#:${1:-}" in
  0:)
    build_jaeger
    build_otelcol
    printf 'jaeger=%s\notelcol=%s\n' "$jaeger" "$otelcol"
    ;;
  1:jaeger)
    build_jaeger
    echo "$jaeger"
    ;;
  1:otelcol)
    build_otelcol
    echo "$otelcol"
    ;;
  *)
    echo "usage: scripts/backends.sh [jaeger | otelcol]" >&2
    exit 2
    ;;
esac
