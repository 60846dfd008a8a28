"""``manage.py benchmark``: how fast the shop is, as ratios to floors that are measured in the same run.

The command makes an installation of its own (``installation.py``) and starts ``run.py`` in it, which fills
it (``synthetic.py``), starts the servers that ``make demo`` starts (``servers.py``), puts load on them over
loopback (``load.py``) and measures (``feed.py``, ``freshness.py``, ``ingest.py``, ``page.py``). Without
servers: ``retrieval.py``, and on the demo's own history ``training.py`` and ``warm_start.py``. ``engine.py`` is a
process of its own without an installation.
"""
