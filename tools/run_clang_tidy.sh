#!/usr/bin/env bash
# clang-tidy over the C core (not its tests and fuzz entry points) with the dev preset's flags, two files
# at a time. Arguments: files to check instead of all.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -eq 0 ]; then
    mapfile -t files < <(find csrc -name '*.c' -not -path 'csrc/tests/*' -not -path 'csrc/fuzz/*' | sort)
    set -- "${files[@]}"
fi
# On stderr clang also counts what it found in headers that are not ours, file by file.
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-2}" -n 4 clang-tidy -p build/dev --quiet \
    2> >(grep -vE '^[0-9]+ warnings? generated|^\[[0-9]+/[0-9]+\] Processing file' >&2 || true)
