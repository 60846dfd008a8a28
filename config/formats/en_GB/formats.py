"""24 Nov 2026 11:46: short enough for a column, and nobody asks which half of the day."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y H:i"
