#!/usr/bin/env bash
# Gets the real backends, once, and prints where they are: for tests, and for people without Docker.
#
#   scripts/backends.sh            prints jaeger=PATH, otelcol=PATH, victorialogs=PATH and kafka=DIR, a line each
#   scripts/backends.sh jaeger     only that one's path; the same with the others
#
# Versions: scripts/backends.env. Cache: ${HIVELOG_CACHE:-$HOME/.cache/hivelog}, outside the repository. The first run
# takes some minutes and the network, the next one neither.
#
# Jaeger, the collector and VictoriaLogs are built from source, with Go. Kafka is its published jars, fetched with Maven; it needs
# Java 17 to run, so without Java it is not offered, cached or not. What lacks its tool gets no line, the others do:
# a caller skips what is not there. What is missing is said in one line on standard error.
# Exit: 0 everything asked for is printed, 2 bad use, 3 a tool is missing, else that of a build that failed.
#
# To run Kafka, one node on loopback (format a data folder once; SIGTERM stops it):
#
#   kafka=$(scripts/backends.sh kafka)
#   export KAFKA_DATA_DIR=/tmp/kafka KAFKA_PORT=9092 KAFKA_CONTROLLER_PORT=9093
#   run() { java -Xmx256m -Dlog4j2.configurationFile=scripts/kafka/log4j2.properties -cp "$kafka/libs/*" "$@"; }
#   id=$(run kafka.tools.StorageTool random-uuid)
#   run kafka.tools.StorageTool format -t "$id" -c scripts/kafka/server.properties
#   run kafka.Kafka scripts/kafka/server.properties
#
# It takes requests once it has said "Kafka Server started" on standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/backends.env"
cache=${HIVELOG_CACHE:-$HOME/.cache/hivelog}
# Builds run in other folders.
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
manifest=$root/collector-config/builder.yaml
pom=$root/scripts/kafka/pom.xml

# The name says everything that the thing was made from, so a stale one is never taken for a fresh one.
jaeger=$cache/jaeger-$JAEGER_VERSION
otelcol=$cache/otelcol-$OTELCOL_VERSION-$(cksum <"$manifest" | cut -d' ' -f1)
victorialogs=$cache/victoria-logs-$VICTORIALOGS_VERSION
kafka=$cache/kafka-$KAFKA_VERSION-$(cksum <"$pom" | cut -d' ' -f1)

# No C compiler needed, no paths of this machine inside, no question to git.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath -buildvcs=false"

# What could not be had for want of a tool; said in one line at the end.
go_for=
java_for=
maven_for=

# Set while building, so that an interrupted build leaves nothing behind.
work=
trap 'if [ -n "$work" ]; then rm -rf "$work"; fi' EXIT

start_work() {
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/build.XXXXXX")
}

# Renaming last makes two builds at once harmless: each puts a whole one in place.
finish_work() {
  chmod 755 "$1"
  mv -f "$1" "$2"
  rm -rf "$work"
  work=
}

build_jaeger() {
  [ -x "$jaeger" ] && return
  if ! command -v go >/dev/null; then
    go_for="Jaeger $JAEGER_VERSION"
    return
  fi
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
  if ! command -v go >/dev/null; then
    go_for+="${go_for:+ and }the collector $OTELCOL_VERSION"
    return
  fi
  echo "backends: building the OpenTelemetry Collector $OTELCOL_VERSION" >&2
  start_work
  (cd "$work" && nice go run "go.opentelemetry.io/collector/cmd/builder@v$OTELCOL_VERSION" --config "$manifest") >&2
  finish_work "$work/otelcol/otelcol" "$otelcol"
}

build_victorialogs() {
  [ -x "$victorialogs" ] && return
  if ! command -v go >/dev/null; then
    go_for+="${go_for:+ and }VictoriaLogs $VICTORIALOGS_VERSION"
    return
  fi
  echo "backends: building VictoriaLogs $VICTORIALOGS_VERSION" >&2
  start_work
  GOBIN=$work nice go install -ldflags '-s -w' \
    "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v$VICTORIALOGS_VERSION" >&2
  finish_work "$work/victoria-logs" "$victorialogs"
}

build_kafka() {
  # A java may be there that only says where to get one: it has to name a version.
  if ! [[ $(java -version 2>&1) =~ version\ \"([0-9]+) ]] || [ "${BASH_REMATCH[1]}" -lt 17 ]; then
    java_for="Kafka $KAFKA_VERSION"
    kafka=
    return
  fi
  [ -d "$kafka" ] && return
  if ! command -v mvn >/dev/null; then
    maven_for="Kafka $KAFKA_VERSION"
    return
  fi
  echo "backends: fetching Kafka $KAFKA_VERSION" >&2
  start_work
  mkdir "$work/kafka"
  (cd "$work" && mvn --quiet --batch-mode --strict-checksums --file "$pom" dependency:copy-dependencies \
    "-Dkafka.version=$KAFKA_VERSION" "-DoutputDirectory=$work/kafka/libs") >&2
  finish_work "$work/kafka" "$kafka"
  # Renamed onto a folder that another build put there meanwhile, ours is now inside that one.
  rm -rf "$kafka/kafka"
}

case "$#:${1:-}" in
  0:) names='jaeger otelcol victorialogs kafka' ;;
  1:jaeger | 1:otelcol | 1:victorialogs | 1:kafka) names=$1 ;;
  *)
    echo "usage: scripts/backends.sh [jaeger | otelcol | victorialogs | kafka]" >&2
    exit 2
    ;;
esac

for name in $names; do
  "build_$name"
  path=${!name}
  [ -e "$path" ] || continue
  if [ $# -eq 0 ]; then echo "$name=$path"; else echo "$path"; fi
done

missing=${go_for:+"; Go is not installed (1.26 or newer, to build $go_for)"}
missing+=${java_for:+"; Java is not installed (17 or newer, to run $java_for)"}
missing+=${maven_for:+"; Maven is not installed (to fetch $maven_for)"}
if [ -n "$missing" ]; then
  echo "backends: ${missing#; }: install it, or use docker compose" >&2
  exit 3
fi
