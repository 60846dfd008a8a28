"""``make demo``: everything prepared, started, kept running and put away again on one machine."""


class DemoError(RuntimeError):
    """The demo cannot go on. The message is one line that says what to do."""


class Stopped(Exception):
    """Somebody asked the demo to stop while it was still preparing."""
