#!/usr/bin/env bash
# What figures are measured beside, from the system's packages, where it is missing: nmap, or the tools that are named.
set -euo pipefail

missing=()
for tool in "${@:-nmap}"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if ((${#missing[@]} == 0)); then exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "${missing[*]} missing and there is no apt-get: install it, or name other figures with FIGURES" >&2
    exit 1
fi
as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}"
