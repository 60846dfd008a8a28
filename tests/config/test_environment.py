"""A setting with a value that is none ends a command in one line."""

import os
import subprocess
import sys

import pytest

from config.embedded import ServiceError
from config.environment import number, one_of, shares, truth, whole_number
from tests.processes import ROOT

ADDRESS = "postgresql://USER:PASSWORD@HOST/NAME"


def manage(command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.base", **settings}
    line = [sys.executable, str(ROOT / "manage.py"), command]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRAINING_MINUTES", "abc", "TRAINING_MINUTES is 'abc': expected a number of minutes"),
        ("HISTORY_LENGTH", "1.5", "HISTORY_LENGTH is '1.5': expected a whole number of interactions"),
        (
            "FEED_ENCODE_BUDGET_MS",
            "fast",
            "FEED_ENCODE_BUDGET_MS is 'fast': expected a whole number of milliseconds",
        ),
        (
            "SIGN_IN_FAILURES",
            "0",
            "SIGN_IN_FAILURES is '0': expected a whole number of failed sign-ins, 1 or more",
        ),
        ("HTTPS", "ja", "HTTPS is 'ja': expected true or false"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud': expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("DATABASE_URL", "nonsense", f"DATABASE_URL is no address of a Postgres: {ADDRESS}"),
    ],
)
def test_a_bad_setting_is_told_in_one_line(name: str, value: str, said: str):
    run = manage("migrate", **{name: value})

    assert (run.returncode, run.stdout, run.stderr) == (1, "", f"error: {said}\n")


@pytest.mark.slow
def test_the_demo_tells_a_bad_setting_in_one_line_too():
    run = manage("demo", HTTPS="ja")

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "error: HTTPS is 'ja': expected true or false\n"


def test_good_values_are_read_and_empty_ones_are_the_default(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"A": " 7 ", "B": "0.5", "C": "On", "D": "0", "E": "debug", "F": ""}.items():
        monkeypatch.setenv(name, value)

    assert whole_number("A", default=1, unit="days") == 7
    assert number("B", default=1.0, unit="days") == 0.5
    assert truth("C", default=False) is True
    assert truth("D", default=True) is False
    assert one_of("E", default="INFO", words=("DEBUG", "INFO")) == "DEBUG"
    assert whole_number("F", default=3, unit="days") == 3
    assert truth("F", default=True) is True


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0"])
def test_minutes_are_above_nothing(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINUTES", value)

    with pytest.raises(ServiceError, match="expected a number of minutes above 0"):
        number("MINUTES", default=1.0, unit="minutes")


def test_shares_name_some_words_and_leave_the_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEIGHTS", "view = 0, hide=-2,")

    assert shares("WEIGHTS", default={"view": 0.3, "cart": 0.7, "hide": -1.0}) == {
        "view": 0.0,
        "cart": 0.7,
        "hide": -2.0,
    }


@pytest.mark.parametrize("value", ["look=1", "view", "view=much", "view=nan", "view=1;cart=2"])
def test_shares_of_other_words_and_without_numbers_are_refused(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEIGHTS", value)

    with pytest.raises(ServiceError, match=r"WEIGHTS is .*: expected word=number"):
        shares("WEIGHTS", default={"view": 0.3, "cart": 0.7})


def test_shares_may_have_a_least_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEIGHTS", "view=-1")

    with pytest.raises(ServiceError, match=r"expected word=number, 0 or more"):
        shares("WEIGHTS", default={"view": 0.3}, least=0.0)
