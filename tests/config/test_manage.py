"""Which commands hold the servers while they run."""

import pytest

from manage import needs_servers


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("migrate", True),
        ("evaluate --sequences Beauty.txt", False),
        ("evaluate --replay --minutes 3", True),
        ("evaluate --modalities", True),
        ("evaluate --modal --minutes 1", True),
        ("peers --sequences Beauty.txt", False),
        ("evaluate --replay --help", False),
        ("demo", False),
        ("--version", False),
    ],
)
def test_only_what_reads_the_shop_needs_the_servers(line: str, needed: bool):
    assert needs_servers(line.split()) is needed
