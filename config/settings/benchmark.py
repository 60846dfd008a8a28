"""Settings of the benchmarks: the shop as it is, plus an empty view and an empty task as floors."""

from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "config.benchmark"]
ROOT_URLCONF = "config.benchmark.urls"
# No page is asked for, so no static file needs to be collected.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
