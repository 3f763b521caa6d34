"""What can go wrong in this package because of its user, or of what comes over a wire."""


class DriverError(Exception):
    """A driver or guard was set up wrongly; the message names the value found."""


class ProtocolError(DriverError):
    """Bytes from a wire that cannot be a message of the protocol; they were ignored, whoever sent them."""


class HardwareFaultError(DriverError):
    """The device says, or its silence shows, that it must not be driven on."""
