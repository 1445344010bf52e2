"""Times that people write."""

from datetime import UTC, datetime

from clm_api.errors import SpecError


def time_named(option: str, text: str) -> datetime:
    """Return the time that the text of an option means; UTC where it has no zone.

    Raises
    ------
    SpecError
        It means none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecError(option, f'"{text}" is no time such as 2026-01-05T12:00Z') from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
