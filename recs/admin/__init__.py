"""The admin of interactions, served feeds, models and workers, and the page that explains a feed."""

from recs.admin import models, records

__all__ = ["models", "records"]
