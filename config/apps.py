from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Makes the project's own management commands (services, demo, benchmark) known to Django."""

    name = "config"
    label = "attune_config"
