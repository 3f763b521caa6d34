"""A `launch` and `launch_ros` just large enough to evaluate our launch files where ROS's are not installed."""

import sys
import types
from dataclasses import dataclass, field


@dataclass
class Action:
    kind: str
    args: tuple
    kwargs: dict


@dataclass
class Context:
    values: dict = field(default_factory=dict)


@dataclass
class LaunchConfiguration:
    name: str

    def perform(self, context):
        return context.values[self.name]


def _action(kind):
    return lambda *args, **kwargs: Action(kind, args, kwargs)


def install(monkeypatch, share_folder):
    """Put the modules that a launch file imports into `sys.modules`, for one test."""
    contents = {
        "launch": {"LaunchDescription": lambda actions: actions},
        "launch.actions": {kind: _action(kind) for kind in ("DeclareLaunchArgument", "OpaqueFunction", "Shutdown")},
        "launch.conditions": {"IfCondition": lambda substitution: substitution},
        "launch.substitutions": {"LaunchConfiguration": LaunchConfiguration},
        "launch_ros": {},
        "launch_ros.actions": {"Node": _action("Node")},
        "ament_index_python": {},
        "ament_index_python.packages": {"get_package_share_directory": lambda package: str(share_folder)},
    }
    for name, members in contents.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)


def evaluate(actions, **arguments):
    """The node actions that `ros2 launch` would start with these arguments."""
    declared = {
        action.args[0]: action.kwargs["default_value"] for action in actions if action.kind == "DeclareLaunchArgument"
    }
    unknown = set(arguments) - set(declared)
    assert not unknown, f"undeclared launch arguments {unknown}"
    context = Context({**declared, **arguments})
    nodes = []
    for action in actions:
        condition = action.kwargs.get("condition")
        if condition is not None and context.values[condition.name] != "true":
            continue
        if action.kind == "OpaqueFunction":
            nodes += action.kwargs["function"](context)
        elif action.kind == "Node":
            nodes.append(action)
    return nodes
