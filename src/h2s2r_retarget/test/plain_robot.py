"""URDF text of a robot made of primitives: an arm of six joints, a palm with foreign axes, three fingers."""

ARM = [
    # parent, child, xyz, axis, lower, upper, effort
    ("base", "turn", "0 0 0.15", "0 0 1", -2.8, 2.8, 100),
    ("turn", "upper", "0 0 0.15", "0 1 0", -1.9, 1.9, 100),
    ("upper", "fore", "0 0 0.4", "0 1 0", -0.5, 2.5, 60),
    ("fore", "roll", "0 0 0.2", "0 0 1", -2.8, 2.8, 20),
    ("roll", "pitch", "0 0 0.2", "0 1 0", -2.0, 2.0, 20),
    ("pitch", "flange", "0 0 0.08", "0 0 1", -2.9, 2.9, 20),
]
# The palm looks to its own -y; the fingers point along its +z, the thumb is on its +x side.
FINGERS = {"thumb": ("0.05 0 0.01", "0 0.5 0"), "first": ("0.03 0 0.09", "0 0 0"), "second": ("-0.03 0 0.09", "0 0 0")}


def link(name, shape, mass, size):
    i = [mass / 12 * (size[a] ** 2 + size[b] ** 2) for a, b in ((1, 2), (0, 2), (0, 1))]
    centre = f'<origin xyz="0 0 {size[2] / 2}" rpy="0 0 0"/>'
    return (
        f'<link name="{name}"><inertial>{centre}<mass value="{mass}"/><inertia ixx="{i[0]:.9f}" iyy="{i[1]:.9f}" '
        f'izz="{i[2]:.9f}" ixy="0" ixz="0" iyz="0"/></inertial>'
        f"<collision>{centre}<geometry>{shape}</geometry></collision></link>"
    )


def joint(name, kind, parent, child, xyz, rpy="0 0 0", axis="0 0 1", lower=0.0, upper=1.0, effort=1.0):
    limit = f'<limit lower="{lower}" upper="{upper}" velocity="2" effort="{effort}"/>' if kind != "fixed" else ""
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{xyz}" rpy="{rpy}"/><axis xyz="{axis}"/>{limit}</joint>'
    )


def plain_robot():
    """The text; replace what is to be wrong."""
    parts = [link("base", '<cylinder radius="0.08" length="0.1"/>', 4.0, (0.16, 0.16, 0.1))]
    for parent, child, xyz, axis, lower, upper, effort in ARM:
        length = {"upper": 0.38, "fore": 0.18, "roll": 0.18}.get(child, 0.06)
        shape = f'<cylinder radius="0.035" length="{length}"/>'
        parts.append(link(child, shape, 2.0, (0.07, 0.07, length)))
        name = f"{child}_joint"
        parts.append(joint(name, "revolute", parent, child, xyz, "0 0 0", axis, lower, upper, effort))
    parts.append(link("palm", '<box size="0.09 0.03 0.08"/>', 0.4, (0.09, 0.03, 0.08)))
    parts.append(joint("mount", "fixed", "flange", "palm", "0 0 0.07"))
    for name, (xyz, rpy) in FINGERS.items():
        for part, parent, at in (("near", "palm", xyz), ("far", f"{name}_near", "0 0 0.05")):
            child = f"{name}_{part}"
            parts.append(link(child, '<box size="0.02 0.018 0.05"/>', 0.04, (0.02, 0.018, 0.05)))
            turn = rpy if part == "near" else "0 0 0"
            parts.append(joint(f"{child}_joint", "revolute", parent, child, at, turn, "1 0 0", -0.2, 1.6, 1.0))
    return f'<robot name="plain">{"".join(parts)}</robot>'
