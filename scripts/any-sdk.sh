#!/bin/sh
# Runs test/any-sdk against each OpenTelemetry SDK: 2.x on the Node that is there, 22 and 24, 3.x on 22 and 24 (it needs
# 22.15). The package is packed and installed as a user would, in empty projects outside this one; `npm run build` must
# have run before. The other Nodes come from npm (nodes.sh).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
if [ ! -f "$root/dist/index.js" ]; then
  echo "any-sdk: $root/dist is missing; run 'npm run build' first" >&2
  exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

(cd "$root" && npm pack --silent --pack-destination "$work" >/dev/null)
tarball=$(ls "$work"/*.tgz)

node22=$(bash "$root/scripts/nodes.sh" 22)
node24=$(bash "$root/scripts/nodes.sh" 24)

# run NAME SDK NODES PACKAGE...: installs hivelog and the packages in a project NAME, and runs the test there on each.
run() {
  name=$1 sdk=$2 nodes=$3
  shift 3
  mkdir "$work/$name"
  cd "$work/$name"
  echo '{ "private": true, "type": "module" }' >package.json
  npm install --silent --no-audit --no-fund "$tarball" @opentelemetry/api@1 "$@"
  cp "$root/test/any-sdk/plugin.test.mjs" .
  for node in $nodes; do
    echo "::: $sdk on Node $("$node" --version)"
    HIVELOG_TEST_SDK=$sdk "$node" --test --test-reporter=spec plugin.test.mjs
  done
}

run sdk2 @opentelemetry/sdk-trace-base "node $node22 $node24" @opentelemetry/sdk-trace-base@2
run sdk3 @opentelemetry/sdk-trace "$node22 $node24" @opentelemetry/sdk-trace@3
