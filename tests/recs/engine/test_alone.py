"""The engine without the shop, as docs/engine.md shows it."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCUMENT = Path(__file__).parents[3] / "docs" / "engine.md"


@pytest.mark.slow
def test_the_example_on_a_csv_runs_as_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    rng = np.random.default_rng(0)
    rows = [
        (f"user {user}", f"item #{3 * item + user % 3}", 1_700_000_000 + 86_400 * day)
        for user in range(40)
        for day, item in enumerate(rng.permutation(12)[:6])
    ]
    rng.shuffle(rows)
    lines = ["user,item,time", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "purchases.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)

    exec(example.replace("seconds=120", "seconds=3"), {})

    found = re.findall(r"item #\d+", capsys.readouterr().out)
    had = {item for user, item, _ in rows if user == "user 0"}
    assert len(set(found)) == 10
    assert not had & set(found)
