"""Learning: PPO with a recurrent actor and a privileged critic, resumable to the bit."""
