"""How the project runs: settings, URLs, Celery, embedded services."""

import os

# Read when torch is loaded, so set before anything else. Threads of OpenMP that wait by turning take the cores from
# everybody else and from each other: beside three busy processes on two cores, products of matrices that took
# 10 to 12 s took 4 to 5 s with this.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from config.celery import app as celery_app

__all__ = ["celery_app"]
