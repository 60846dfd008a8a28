"""A run may be killed at any point, and the next one goes on."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from recs.engine.checkpoint import FILE
from recs.models import ModelVersion, TrainingRun
from recs.nightly import train
from recs.nightly.lease import AlreadyRunning
from recs.nightly.run import run_nightly
from tests.factories import InteractionFactory
from tests.processes import TestProcess, python_process
from tests.recs import small_shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def environment(process_environment: dict[str, str], settings, tmp_path: Path) -> dict[str, str]:
    return {**process_environment, "ATTUNE_VAR": str(tmp_path), "ARTIFACT_DIR": str(settings.ARTIFACT_DIR)}


def wait_for_checkpoint(process: TestProcess) -> None:
    checkpoint = train.checkpoint_folder() / "member-0" / FILE
    process.wait_for(checkpoint.exists, what="the first epoch")


def test_a_training_that_was_killed_goes_on_from_its_checkpoint_though_the_shop_lived_on(
    environment, tmp_path
):
    shelves = small_shop.make_shelves(6, 30)
    small_shop.make_histories(shelves, shoppers=300, length=25)
    command = ["manage.py", "retrain", "--minutes", "0.15"]
    with python_process(command, log=tmp_path / "retrain.log", environment=environment) as process:
        wait_for_checkpoint(process)
        with pytest.raises(AlreadyRunning, match="at the stage «train»"):
            run_nightly(minutes=0.15)
        process.kill()
    killed = TrainingRun.objects.get()
    assert (killed.status, killed.stage) == ("running", "train")
    InteractionFactory(product=shelves[0][0])

    run = run_nightly(minutes=0.15)

    killed.refresh_from_db()
    assert killed.status == "interrupted"
    assert run.status == "published", run.reason
    assert run.figures["data"]["interactions"] == 7_500
    epochs = [point["epoch"] for point in run.figures["curves"]["transformer"]]
    assert epochs == list(range(1, len(epochs) + 1))
    assert not train.checkpoint_folder().exists()
    assert ModelVersion.objects.get().status == "active"


def test_stopping_by_hand_ends_in_one_line_and_a_row(environment, tmp_path):
    small_shop.make_histories(small_shop.make_shelves(6, 30), shoppers=300, length=25)
    command = ["manage.py", "retrain", "--minutes", "0.15"]
    with python_process(command, log=tmp_path / "retrain.log", environment=environment) as process:
        process.wait_for(TrainingRun.objects.filter(stage="train").exists, what="the training")
        os.killpg(process.pid, 2)
        process.popen.wait(30)
        assert process.popen.returncode == 1
        assert process.output().splitlines()[-1] == (
            "CommandError: interrupted; the next run goes on from its last checkpoint"
        )
        assert "Traceback" not in process.output()

    assert TrainingRun.objects.get().status == "interrupted"


@pytest.mark.django_db
def test_the_moment_of_a_killed_run_is_kept_until_the_next_night():
    checkpoint = train.checkpoint_folder() / "member-0" / FILE
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    first = train.history_moment()
    assert train.history_moment() == first

    file = train.checkpoint_folder() / "as_of"
    file.write_text((first - timedelta(hours=23)).isoformat())
    assert train.history_moment() > first
    file.write_text("rubbish")
    assert train.history_moment() > first


def test_the_moment_of_a_run_that_left_no_checkpoint_is_not_kept():
    first = train.history_moment()

    assert train.history_moment() > first
