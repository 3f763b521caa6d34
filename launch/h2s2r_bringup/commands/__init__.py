"""The sub-commands of `h2s2r`, one module each; a stage's own packages are imported only when it runs."""
