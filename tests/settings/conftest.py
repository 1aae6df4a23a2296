"""The loader over a folder of its own, so that nothing of the checkout matters."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from llmwrap.settings import Loaded, SettingsError, load_with_origins

Load = Callable[..., Loaded]
Problems = Callable[..., tuple[str, ...]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(toml: str = "", environ: Mapping[str, str] | None = None) -> Loaded:
        (tmp_path / "config.toml").write_text(toml)
        return load_with_origins(environ=environ or {}, folder=tmp_path)

    return load


@pytest.fixture
def problems(load: Load) -> Problems:
    def problems(
        toml: str = "", environ: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        with pytest.raises(SettingsError) as caught:
            load(toml, environ)
        return caught.value.problems

    return problems
