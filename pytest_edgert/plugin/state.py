"""What one pytest process knows of the run, found once and kept in the config's stash."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_edgert.errors import EdgertError, UsageError
from pytest_edgert.plugin.cells import Surroundings, core_count
from pytest_edgert.plugin.models import Model, group_models
from pytest_edgert.plugin.options import OPTIONS, any_given
from pytest_edgert.plugin.probes import ProbeTable, probe_runtimes
from pytest_edgert.plugin.settings import Settings, read_settings

if TYPE_CHECKING:
    from pytest_edgert.devices.profile import Device

SETTINGS = pytest.StashKey[Settings]()
MODELS = pytest.StashKey[tuple[Model, ...]]()
_PROBES = pytest.StashKey[ProbeTable]()
_AROUND = pytest.StashKey[Surroundings]()
_DEVICE = pytest.StashKey["Device"]()
#: Key of the probe table in the input of an xdist worker.
WORKER_INPUT = "edgert_probe"


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of this run; raises UsageError or DeviceError when an option is wrong."""
    if SETTINGS not in config.stash:
        _refuse_separate_paths(config)
        config.stash[SETTINGS] = read_settings(config)
    return config.stash[SETTINGS]


def models_of(config: pytest.Config) -> tuple[Model, ...]:
    """Return the models of ``--edge-model``. Raises UsageError."""
    if MODELS not in config.stash:
        config.stash[MODELS] = group_models(settings_of(config).models, config.invocation_params.dir)
    return config.stash[MODELS]


def device_of(config: pytest.Config) -> Device:
    """Return the device under test on this machine. Raises DeviceError."""
    if _DEVICE not in config.stash:
        from pytest_edgert.devices.profile import find_device, profile_folders

        settings = settings_of(config)
        folders = profile_folders(settings.profiles, config.rootpath)
        config.stash[_DEVICE] = find_device(settings.devices[0], folders)
    return config.stash[_DEVICE]


def surroundings_of(config: pytest.Config) -> Surroundings:
    """Return what the enumeration of cells knows; runtimes are probed when first needed. Raises UsageError."""
    if _AROUND not in config.stash:
        from pytest_edgert.runtimes.registry import how_to_install, is_installed, runtimes

        infos = {name: runtime.info for name, runtime in runtimes().items()}
        config.stash[_AROUND] = Surroundings(
            settings_of(config),
            infos,
            frozenset(name for name, info in infos.items() if is_installed(info)),
            lambda names: probes_of(config, names),
            how_to_install,
            core_count(),
        )
    return config.stash[_AROUND]


def probes_of(config: pytest.Config, names: Sequence[str]) -> ProbeTable:
    """Return what runtimes told, asking those that were not asked yet; an xdist worker takes the controller's answers."""
    handed = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if _PROBES not in config.stash:
        config.stash[_PROBES] = ProbeTable.from_json(handed) if handed else ProbeTable()
    known = config.stash[_PROBES]
    new = probe_runtimes([name for name in names if name not in known.runtimes])
    if new.runtimes:
        known = config.stash[_PROBES] = ProbeTable({**known.runtimes, **new.runtimes})
    return known


def probe_for_workers(config: pytest.Config) -> str | None:
    """Return what every runtime that this run may use told, as text for xdist workers.

    None when no option of ours is given: a worker then asks on its own if its tests need it, so that runs
    that have nothing to do with models pay nothing.
    """
    if not any_given(config):
        return None
    around = surroundings_of(config)
    named = {target.runtime for target in (*around.settings.targets, *around.settings.required_targets)}
    names = [name for name in sorted(around.installed) if around.infos[name].enumerated or name in named]
    return probes_of(config, names).to_json()


def usage_error(error: EdgertError) -> pytest.UsageError:
    """Return an error of ours as the one that pytest prints in one line, ending with exit status 4."""
    return pytest.UsageError(str(error))


def _refuse_separate_paths(config: pytest.Config) -> None:
    """Raise UsageError for ``--edge-model PATH``: pytest has already taken PATH for a path of tests.

    It looks for the rootdir before plugins tell their options (`_pytest.config.Config.parse`, pytest 9.2), so
    ini file, cache and node ids would depend on where the model lies.
    """
    names = {option.name for option in OPTIONS if option.path}
    arguments = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]
    for name, value in itertools.pairwise(arguments):
        if name in names and (config.invocation_params.dir / value).exists():
            raise UsageError(
                f"{name} {value}: pytest takes a separate value for a path of tests when it looks for the rootdir.",
                f"Write {name}={value}",
            )
