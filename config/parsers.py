"""Reads JSON bodies; whatever cannot be read is the client's error, never ours."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework import exceptions
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """JSON without NaN, infinity or endless nesting. Django bounds its size (DATA_UPLOAD_MAX_MEMORY_SIZE)."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as failure:
            raise exceptions.ParseError("JSON parse error - nested too deep") from failure
