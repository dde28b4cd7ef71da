#!/usr/bin/env bash
# fuzz.sh SECONDS [ENTRY...]: libFuzzer with ASan and UBSan on each entry point of csrc/fuzz for so many seconds, two
# at a time, from the seeds that make_seeds makes, the corpora in tests/fuzz/corpus and what earlier runs found. Prints
# executions and coverage of each; inputs that broke something stay in build/fuzz/broken, and the exit status is 1.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1 built=build/fuzz
shift
if [ $# -eq 0 ]; then
    mapfile -t entries < <(find csrc/fuzz -name 'fuzz_*.c' -printf '%f\n' | sed 's/^fuzz_//; s/\.c$//' | sort)
    set -- "${entries[@]}"
fi
mkdir -p "$built/broken"
"$built/csrc/make_seeds" "$built/seeds" >/dev/null

run() {
    local entry=$1 built=build/fuzz dictionary=tests/fuzz/dictionaries/$1.txt size=4096 status=0
    [ "$entry" = page ] && size=16384
    mkdir -p "$built/found/$entry" "$built/seeds/$entry"
    "$built/csrc/fuzz_$entry" -max_total_time="$seconds" -max_len=$size -rss_limit_mb=3000 -timeout=60 \
        -print_final_stats=1 -artifact_prefix="$built/broken/$entry-" \
        $([ -f "$dictionary" ] && echo "-dict=$dictionary") \
        "$built/found/$entry" "$built/seeds/$entry" "tests/fuzz/corpus/$entry" >"$built/$entry.log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
        tail -n 40 "$built/$entry.log"
        echo "fuzz_$entry: BROKEN (status $status), see $built/broken"
        return 1
    fi
    printf 'fuzz_%-14s %12s executions %6s edges %6s inputs kept, nothing broken\n' "$entry" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$built/$entry.log")" \
        "$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$built/$entry.log")" \
        "$(find "$built/found/$entry" -type f | wc -l)"
}
export -f run
export seconds
printf '%s\n' "$@" | xargs -P 2 -I ENTRY bash -c 'run ENTRY'
