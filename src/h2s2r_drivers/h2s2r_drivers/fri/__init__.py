"""KUKA FRI 1.x: the codec, the client's session, the driver, and an emulator of the controller's side."""
