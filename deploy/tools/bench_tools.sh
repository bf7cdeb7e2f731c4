#!/usr/bin/env bash
# nmap, which the figure connect_sweep is measured beside: from the system's packages, where it is missing.
set -euo pipefail

if command -v nmap >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "nmap is missing and there is no apt-get: install it, or name other figures with FIGURES" >&2
    exit 1
fi
as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends nmap
