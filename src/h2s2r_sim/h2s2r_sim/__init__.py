"""Tasks, digital twin, randomised environment, training, evaluation and the synthetic demonstrator."""
