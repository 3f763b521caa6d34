"""Advertises `/chatter` and `/reset`; ends by itself after `life_s` with `exit_code`, never when life_s is 0."""

import os
import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String
from std_srvs.srv import Trigger


def main():
    rclpy.init()
    node = rclpy.create_node("talker")
    life_s = node.declare_parameter("life_s", 0.0).value
    exit_code = node.declare_parameter("exit_code", 0).value
    node.create_publisher(String, "/chatter", 1)
    node.create_service(Trigger, "/reset", lambda request, response: response)
    node.get_logger().info(f"domain {os.environ['ROS_DOMAIN_ID']} threads {os.environ['OMP_NUM_THREADS']}")
    ends = time.monotonic() + life_s
    try:
        while life_s == 0.0 or time.monotonic() < ends:
            rclpy.spin_once(node, timeout_sec=0.02)
    except (KeyboardInterrupt, ExternalShutdownException):
        node.get_logger().info("interrupted") if rclpy.ok() else print("interrupted", flush=True)
        return 0
    node.get_logger().info("the work is done")
    node.destroy_node()
    rclpy.try_shutdown()
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
