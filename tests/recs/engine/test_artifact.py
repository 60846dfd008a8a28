"""What is damaged, incomplete, of another kind or of another format is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from recs.engine.artifact import (
    ARRAYS,
    FORMAT,
    MANIFEST,
    Artifact,
    ArtifactError,
    read_artifact,
    write_artifact,
)
from recs.engine.transformer.packed_towers import load_user_tower


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_artifact(tmp_path / "a", Artifact("popularity", {"x": 1}, {"scores": np.arange(3.0)}))
    return tmp_path / "a"


def test_what_is_written_is_read_back(folder: Path):
    artifact = read_artifact(folder, recommender="popularity")

    assert artifact.config == {"x": 1}
    assert artifact.arrays["scores"].tolist() == [0.0, 1.0, 2.0]


def test_damaged_arrays_are_refused(folder: Path):
    data = bytearray((folder / ARRAYS).read_bytes())
    data[-1] ^= 1
    (folder / ARRAYS).write_bytes(data)

    with pytest.raises(ArtifactError, match="is damaged"):
        read_artifact(folder)


def test_a_missing_file_is_refused(folder: Path):
    (folder / ARRAYS).unlink()
    with pytest.raises(ArtifactError, match="is missing"):
        read_artifact(folder)


def test_arrays_that_cannot_be_read_are_refused_as_an_artifact(folder: Path):
    (folder / ARRAYS).unlink()
    (folder / ARRAYS).mkdir()
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_artifact(folder)


def test_what_a_killed_writer_of_the_same_number_left_is_in_nobodys_way(folder: Path):
    left = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    left.mkdir()
    (left / "part").write_text("")

    write_artifact(folder, Artifact("popularity", {"x": 2}, {"scores": np.arange(3.0)}))

    assert read_artifact(folder).config == {"x": 2}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_kind_of_recommender_is_refused(folder: Path):
    with pytest.raises(ArtifactError, match="is a 'popularity', expected a 'transformer'"):
        read_artifact(folder, recommender="transformer")


def test_another_format_is_refused(folder: Path):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))

    with pytest.raises(ArtifactError, match="has format 99"):
        read_artifact(folder)


@pytest.mark.parametrize("published", ["0" * 64, ""])
def test_a_manifest_that_was_not_published_is_refused(folder: Path, published: str):
    with pytest.raises(ArtifactError, match="its SHA-256 differs"):
        read_artifact(folder, sha256=published)


def test_a_folder_that_is_no_artifact_is_refused(tmp_path: Path):
    with pytest.raises(ArtifactError, match="holds no manifest"):
        read_artifact(tmp_path)


def test_a_manifest_without_its_parts_is_refused(folder: Path):
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "recommender": "popularity", "files": {}}))

    with pytest.raises(ArtifactError, match="config is missing or not a dict"):
        read_artifact(folder)


def test_only_arrays_of_a_prefix_are_loaded(tmp_path: Path):
    arrays = {"user.a": np.zeros(1), "item.b": np.ones(2)}
    write_artifact(tmp_path / "a", Artifact("transformer", {}, arrays))

    assert list(read_artifact(tmp_path / "a", prefix="user.").arrays) == ["user.a"]


def test_a_newer_artifact_takes_the_place_of_the_older_and_leaves_nothing_beside(folder: Path):
    write_artifact(folder, Artifact("popularity", {"x": 2}, {"scores": np.zeros(1)}))

    assert read_artifact(folder).config == {"x": 2}
    assert [path.name for path in folder.parent.iterdir()] == ["a"]


def test_a_configuration_that_fits_no_tower_is_refused(tmp_path: Path):
    write_artifact(tmp_path / "a", Artifact("transformer", {"user": {"wings": 2}}, {"user.x": np.zeros(1)}))

    with pytest.raises(ArtifactError, match="describes no user tower"):
        load_user_tower(tmp_path / "a")


def test_arrays_that_do_not_fit_their_configuration_are_refused(tmp_path: Path):
    write_artifact(
        tmp_path / "a", Artifact("transformer", {"user": {}, "members": 1}, {"user.x": np.zeros(1)})
    )

    with pytest.raises(ArtifactError, match="do not fit its configuration"):
        load_user_tower(tmp_path / "a")
