"""From a template to a page."""

import jinja2

from clm_trainer.tearsheet import formats


def environment() -> jinja2.Environment:
    """Return where the templates of pages are: every value in them is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("clm_trainer.tearsheet"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(formats.FILTERS)
    return made
