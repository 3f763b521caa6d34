#!/usr/bin/env bash
# Builds the tree as a ROS 2 workspace and runs its tests through colcon, with colcon from the pinned wheels.
# On a machine with ROS 2 installed, plain `colcon build` in this folder does the same.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
# The ROS wheels live in the virtual environment's prefix, where ament looks for an underlay.
export AMENT_PREFIX_PATH="${AMENT_PREFIX_PATH:-$PWD/.venv}"
export COLCON_LOG_PATH=log

colcon build --base-paths src launch --build-base build/colcon --install-base install --event-handlers console_direct- "$@"
# shellcheck disable=SC1091  # made by the line above
set +u && . install/setup.bash && set -u
colcon test --base-paths src launch --build-base build/colcon --install-base install --event-handlers console_direct- \
  --return-code-on-test-failure --executor sequential --python-testing pytest || failed=1
colcon test-result --test-result-base build/colcon --verbose
exit "${failed:-0}"
