"""Anybody's CSV, JSON lines or Parquet, row by row, with what is wrong with each cell; and products as such files."""
