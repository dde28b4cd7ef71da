#!/usr/bin/env bash
# Builds the Python doors with ASan and UBSan and runs their unit tests under them.
# usage: tools/test_doors_sanitized.sh PYTHON
set -euo pipefail
python=$1
venv=build/venv-sanitize
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/pip" install --quiet 'scikit-build-core>=1.0' 'cython>=3.1,<3.4' cython-cmake orjson numpy pyarrow lz4 isal \
    pytest hypothesis boto3==1.44.5
CMAKE_BUILD_TYPE=RelWithDebInfo "$venv/bin/pip" install --quiet --no-build-isolation --no-deps \
    --config-settings=cmake.define.CC_SANITIZE=address,undefined --config-settings=build-dir=build/doors-sanitize .
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
# Python itself leaks by design at exit; allocations go through malloc so that the sanitizer sees them.
env LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 \
    PYTHONMALLOC=malloc "$venv/bin/python" -m pytest -q -m 'not crash and not slow' -p no:cacheprovider \
    tests/unit/test_log_door.py tests/unit/test_stream_door.py tests/unit/test_parquet_writer.py tests/unit/test_orc_writer.py tests/property/test_transform_answers.py $(ls tests/unit/test_table_door*.py 2>/dev/null) \
    tests/property/test_hostile_requests.py tests/conformance/test_dynamodb_vectors.py \
    tests/conformance/test_dynamodb_throttling.py
