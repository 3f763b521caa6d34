"""The controller's side of FRI: a session that behaves like a KUKA's, on a network that may be bad on purpose."""
