"""Memory that a process takes. Peers read this in environments that have little else."""

from __future__ import annotations

import resource


def peak_rss_mb() -> int:
    """Of this process so far: each recommender has one of its own."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
