"""Contract, observation, action, controller and inference: the code that runs in training and on the robot."""
