"""WSGI entry point: ``gunicorn config.wsgi``."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
# Before numpy is imported. One shopper is too small a sum to share out, and threads would take each other's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

application = get_wsgi_application()

from recs.registry import warm_up  # noqa: E402

# Imported late: models need the application's settings.

# Beside the first requests: torch takes a second or two to import, and pages need not wait for it.
threading.Thread(target=warm_up, kwargs={"feeds": True}, name="warm-up", daemon=True).start()
