"""What a process is told before Keras and JAX are imported."""

import os
from pathlib import Path

import pytest

from foldline.training.backend import use_backend

CACHE = "JAX_COMPILATION_CACHE_DIR"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CACHE, "FOLDLINE_CACHE", "XLA_FLAGS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_compiled_programs_are_kept_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOLDLINE_CACHE", str(tmp_path / "volume"))
    use_backend("jax")
    assert os.environ[CACHE] == str(tmp_path / "volume" / "jax")
    assert (tmp_path / "volume" / "jax").is_dir()


def test_a_folder_that_the_user_names_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    use_backend("jax")
    assert os.environ[CACHE] == str(tmp_path)


def test_without_a_folder_that_can_be_made_training_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOLDLINE_CACHE", str(tmp_path / "file"))
    use_backend("jax")
    assert CACHE not in os.environ


def test_a_process_has_one_backend() -> None:
    import keras

    assert keras.backend.backend() == "jax"
    with pytest.raises(RuntimeError, match="Keras already runs on jax in this process, not tensorflow"):
        use_backend("tensorflow")
    os.environ["KERAS_BACKEND"] = "jax"


@pytest.mark.parametrize("deterministic", [False, True])
def test_deterministic_operations_are_asked_for_by_name(deterministic: bool) -> None:
    use_backend("jax", deterministic=deterministic)
    assert ("--xla_gpu_deterministic_ops=true" in os.environ.get("XLA_FLAGS", "")) is deterministic
