#!/usr/bin/env bash
# Builds the debug binary of the previous commit into target/previous/debug/muster, for the test that runs both versions
# on one bus. Ends with 3 where there is no previous commit: a clone without history has nothing to compare with.
#
#   deploy/tools/build_previous.sh [COMMIT]      default: HEAD~1
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
previous=$target/previous
if ! commit=$(git rev-parse --verify --quiet "${1:-HEAD~1}^{commit}"); then
    echo "there is no commit ${1:-HEAD~1} in this clone" >&2
    exit 3
fi
if [[ -x $previous/debug/muster && $(cat "$previous/COMMIT" 2>/dev/null) == "$commit" ]]; then
    exit 0
fi

rm -rf "$previous/source" "$previous/COMMIT"
mkdir -p "$previous/source"
# Its own times would be those of the commit, which cargo could take for what it has already built here.
git archive "$commit" | tar --extract --touch --directory "$previous/source"

# In a folder of its own: what the two versions are built from must not be taken for one another. What comes from
# registries is built once, and stays for the next time.
cargo build --locked --manifest-path "$previous/source/Cargo.toml" --target-dir "$previous" --package muster --bin muster
echo "$commit" >"$previous/COMMIT"
