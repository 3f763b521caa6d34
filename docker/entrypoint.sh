#!/usr/bin/env bash
# The distribution's ROS, the pinned packages and the built workspace, in this order.
set -e
. /opt/ros/jazzy/setup.bash
. /h2s2r/.venv/bin/activate
. /h2s2r/install/setup.bash
export PATH="/h2s2r/install/h2s2r_bringup/lib/h2s2r_bringup:$PATH"
exec "$@"
