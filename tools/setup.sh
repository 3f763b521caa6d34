#!/usr/bin/env bash
# Sets up .venv in steps, each with a stamp, so that a second call costs nothing and a cut-off one continues.
set -euo pipefail
step=$1
shift

pip() {
  # --no-deps: constraints.txt is the whole set; two packages declare requirements they do not need.
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$@" 2> >(grep -v '^WARNING: Location' >&2)
}

case $step in
  base)
    echo "h2s2r: setting up .venv (about 3 GB, a few minutes)"
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    # torch keeps its dependencies: builds for CUDA bring their libraries, the CPU build brings none.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch 2> >(grep -v '^WARNING: Location' >&2)
    pip -r <(sed '/^# --- development/,$d' constraints.txt)
    ;;
  packages)
    arguments=()
    for package in "$@"; do arguments+=(-e "$package"); done
    pip --no-build-isolation --use-pep517 "${arguments[@]}"
    ;;
  development)
    echo "h2s2r: adding the development tools"
    # sam2 would build against a torch of its own, and with a CUDA compiler it does not need here.
    SAM2_BUILD_CUDA=0 pip --no-build-isolation -r <(sed -n '/^# --- development/,$p' constraints.txt)
    ;;
esac
touch ".venv/.$step"
