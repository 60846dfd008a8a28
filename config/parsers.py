"""Reads JSON bodies; whatever cannot be read is the client's error, never ours."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import exceptions
from rest_framework.parsers import JSONParser

from config.problems import TooLarge


class LimitedJSONParser(JSONParser):
    """JSON of at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes, without NaN, infinity or endless nesting."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = getattr(stream, "META", {}).get("CONTENT_LENGTH") or 0
        if limit is not None and int(length) > limit:
            raise TooLarge(f"The body has {length} bytes; at most {limit} are read: send smaller batches.")
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as failure:
            raise exceptions.ParseError("JSON parse error - nested too deep") from failure
