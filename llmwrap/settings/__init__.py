"""The configuration: `load_settings` makes the frozen values of `settings.values`."""

from llmwrap.settings.load import Loaded, load_settings, load_with_origins
from llmwrap.settings.notices import BUILT_DIALECTS, usable_pools
from llmwrap.settings.problems import SettingsError
from llmwrap.settings.values import CHECKOUT

__all__ = [
    "BUILT_DIALECTS",
    "CHECKOUT",
    "Loaded",
    "SettingsError",
    "load_settings",
    "load_with_origins",
    "usable_pools",
]
