"""The one error type that crosses CLM's borders: a reason and a sentence that says what to do."""

from clm_api.reasons import EXIT_CODES, Reason


class ClmError(Exception):
    """A step that can't be done.

    Parameters
    ----------
    reason
        Ends in a status, an event and the process's exit code.
    message
        Names the field or object, says why, and what to do next.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def exit_code(self) -> int:
        """The exit code that stands for the reason; 1 for a reason of the operator's."""
        return EXIT_CODES.get(self.reason, 1)


class SpecError(ClmError):
    """A field of a resource has a value that can't work."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(Reason.SPEC_INVALID, f"{field}: {message}")
        self.field = field
