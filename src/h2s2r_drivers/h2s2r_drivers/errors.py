"""What can go wrong in this package because of its user."""


class DriverError(Exception):
    """A driver or guard was set up wrongly; the message names the value found."""
