#!/usr/bin/env bash
# Runs the test suite on the other Nodes that are supported; `npm test` has run it on this one, and compiled it.
# Each run ends with the counts of Node's test runner. Where there is no such Node: a line `matrix: …, 1 skipped`.
# What is random has another sample on each, twice as large as that of npm test.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ ! -d .build/test ]; then
  echo 'matrix: the tests are not compiled; run npm test first' >&2
  exit 2
fi
code=0
seed=${HIVELOG_TEST_SEED:-1}
for major in 22 24; do
  seed=$((seed + 1))
  node=$(bash scripts/nodes.sh "$major")
  status=$?
  if [ "$status" -eq 3 ]; then
    echo 'matrix: 0 passed, 0 failed, 1 skipped'
    continue
  elif [ "$status" -ne 0 ]; then
    echo 'matrix: 0 passed, 1 failed'
    code=1
    continue
  fi
  echo "::: the suite on Node $("$node" --version), HIVELOG_TEST_SEED=$seed"
  options=
  if [ "$major" -eq 24 ]; then
    # One of them tells too how much of the code the tests run, which can be seen of single modules.
    options=--coverage
    if ! node scripts/build.mjs --tests --modules; then
      code=1
      continue
    fi
  fi
  HIVELOG_TEST_SEED=$seed HIVELOG_TEST_WHOLE=1 "$node" scripts/test.mjs $options || code=1
done
exit "$code"
