"""Every node that the trial runner talks to, in one: each second trial the object does not follow its goal."""

import contextlib

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_srvs.srv import Trigger

START_Y, END_Y = -0.15, 0.10
TICKS = 30


class WholeGraph(Node):
    def __init__(self):
        super().__init__("whole_graph")
        self.calls, self.tick, self.moving, self.trial = [], 0, None, 0
        self.refuse = self.declare_parameter("refuse", "").value
        names = ("/policy/hold", "/simulation/reset", "/controller/reset", "/object_pose/reset", "/goal/start")
        for name in (*names, "/policy/start"):
            self.create_service(Trigger, name, lambda request, response, name=name: self.on_call(name, response))
        topics = ("/simulation/object_pose", "/goal_pose", "/object_pose")
        self.truth, self.goal, self.tracked = (self.create_publisher(PoseStamped, topic, 10) for topic in topics)
        self.create_timer(0.005, self.on_timer)

    def on_call(self, name, response):
        self.get_logger().info(f"called {name}")
        if name == "/simulation/reset":
            self.trial, self.moving = self.trial + 1, None
        if name == "/policy/start":
            self.moving = self.tick
        response.success, response.message = name != self.refuse, "as told"
        return response

    def on_timer(self):
        self.tick += 1
        done = 0.0 if self.moving is None else min(1.0, (self.tick - self.moving) / TICKS)
        goal_y = START_Y + done * (END_Y - START_Y)
        object_y = goal_y if self.trial % 2 else START_Y
        for publisher, y in ((self.goal, goal_y), (self.tracked, object_y), (self.truth, object_y)):
            message = PoseStamped()
            message.header.stamp.nanosec = self.tick * 16_666_667 % 1_000_000_000
            message.header.stamp.sec = self.tick * 16_666_667 // 1_000_000_000
            message.pose.position.x, message.pose.position.y, message.pose.position.z = 0.6, y, 0.185
            publisher.publish(message)


def main():
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(WholeGraph())
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
