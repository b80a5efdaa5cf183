"""What a recording stops for, and what it only says."""


class RecordingError(ValueError):
    """The net, its inputs or the options cannot be recorded; the message says which and what to do next."""


class RecordingWarning(UserWarning):
    """The recording goes on, but holds less than was asked for, or holds NaN or infinities."""
