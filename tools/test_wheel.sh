#!/usr/bin/env bash
# Builds a wheel, installs it with what it depends on, and nothing else, in an environment of its own outside this
# directory, and uses it there: the command, tables over HTTP, a function, Parquet.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/wheel" .
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "$work"/wheel/cloudcore-*.whl
cp tools/wheel_smoke.py "$work"
cd "$work"
ls wheel
venv/bin/cloudcore --version
venv/bin/python wheel_smoke.py
