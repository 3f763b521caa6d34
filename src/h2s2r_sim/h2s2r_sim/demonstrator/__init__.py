"""The synthetic demonstrator: a jointed human hand shows the task to a simulated RGB-D camera."""
