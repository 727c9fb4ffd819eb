"""The options of the command line and the ini file: one table of rows, and how pytest learns them.

Read at every start of pytest, so nothing here imports the rest of the package; `settings` reads the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import pytest


class Option(NamedTuple):
    """One option and the ini key that says the same; no dataclass, for making one costs every start of pytest.

    Args:
        name: The option as people type it, with dashes.
        metavar: What stands for its value in ``--help``; empty for a flag.
        help: One line of help.
        repeatable: Whether it may be given several times.
        built: False for an option of the published interface whose feature is not built yet.
        path: Whether its value is a path, which pytest may take for a path of tests (see `gate`).
    """

    name: str
    metavar: str
    help: str
    repeatable: bool = False
    built: bool = True
    path: bool = False

    @property
    def key(self) -> str:
        """The ini key and the attribute of `config.option`."""
        return self.name[2:].replace("-", "_")

    @property
    def ini_type(self) -> Literal["bool", "linelist", "string"]:
        """The type of the ini key as `Parser.addini` names it."""
        if not self.metavar:
            return "bool"
        return "linelist" if self.repeatable else "string"


OPTIONS: tuple[Option, ...] = (
    Option(
        "--edge-device",
        "NAME|PATH|auto",
        "profile of the device to test on; default: recognise this machine",
        repeatable=True,
    ),
    Option("--latency-budget", "BUDGET", "5ms is a limit on p95; p50=2ms,p99=5ms for other percentiles"),
    Option(
        "--edge-model",
        "[NAME=]PATH",
        "run the built-in gate on this artefact; write it with =",
        repeatable=True,
        path=True,
    ),
    Option(
        "--edge-target", "RUNTIME[:ACCEL][+VARIANT]", "only these targets; a missing one is a failure", repeatable=True
    ),
    Option(
        "--edge-option", "TARGET.KEY=VALUE", "option of a target, such as onnxruntime:cpu.threads=4", repeatable=True
    ),
    Option(
        "--edge-shape",
        "INPUT=SHAPE",
        "bind the free dimensions of an input, such as image=1x3x224x224",
        repeatable=True,
    ),
    Option("--edge-require", "TARGET|DEVICE", "must be present: missing is a failure, not a skip", repeatable=True),
    Option("--edge-accept", "", "acceptance mode: nothing inconclusive, skipped for hardware or empty is accepted"),
    Option("--edge-inconclusive", "fail|skip|xfail", "what an INCONCLUSIVE verdict becomes; default: fail"),
    Option("--edge-max-time", "DURATION", "longest time a verdict may take, such as 60s"),
    Option("--edge-samples", "N", "fixed-n mode: take N samples instead of testing sequentially"),
    Option("--edge-deadline", "DURATION", "longest time one call into a runtime may take; default: 300s"),
    Option("--edge-json", "PATH.json", "write every record of the run to this file", path=True),
    Option("--edge-wait", "DURATION", "longest wait for a busy device; default: 10m"),
    Option("--edge-profiles", "DIR", "one more folder of device profiles", repeatable=True, path=True),
    Option("--edge-seed", "N", "seed of generated feeds; default: 0"),
    Option("--edge-arrival", "PATTERN", 'how requests arrive: closed, the default, "every 33ms" or "poisson 30/s"'),
    Option("--edge-sustained", "DURATION", "add a soak of this length to the gate: 10min"),
    Option("--edge-update-golden", "new|changed|all", "record goldens; nothing else ever does"),
    Option(
        "--edge-calibrate",
        "PATH.toml",
        "write the margins that agreement showed, to freeze in the gate file; judges as ever",
        path=True,
    ),
    Option("--edge-goldens", "DIR", "where goldens lie; default: goldens/ beside gate file, test or model", path=True),
    Option("--edge-unused", "fail|warn|delete", "what to do with unused goldens (not yet)", built=False),
    Option(
        "--edge-baseline", "PATH", "not slower than this artefact, or than this run stored by --edge-json?", path=True
    ),
    Option("--edge-margin", "SHARE", "how much slower than the baseline is allowed; default: 5%"),
    Option("--edge-report", "PATH.html", "write an HTML report (not yet)", built=False, path=True),
    Option("--edge-inventory", "FILE", "addresses of devices (not yet)", built=False, path=True),
    Option("--edge-fleet", "URL", "fleet engine (not yet)", built=False),
    Option("--edge-replay", "FILE", "run saved feeds again (not yet)", built=False, path=True),
    Option("--edge-selftest", "", "run the contract kit on what is present (not yet)", built=False),
)


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini key."""
    group = parser.getgroup("edgert", "models on edge devices (pytest-edgert)")
    for option in OPTIONS:
        text = option.help.replace("%", "%%")
        if not option.metavar:
            group.addoption(option.name, dest=option.key, action="store_true", default=None, help=text)
        else:
            action = "append" if option.repeatable else "store"
            group.addoption(
                option.name, dest=option.key, action=action, default=None, metavar=option.metavar, help=text
            )
        parser.addini(option.key, f"as {option.name}: {text}", type=option.ini_type, default=None)


def value_of(config: pytest.Config, key: str) -> object:
    """Return the raw value of an option, else of its ini key; None, false or empty when neither is given."""
    value = getattr(config.option, key, None)
    return config.getini(key) if value is None else value


def any_given(config: pytest.Config) -> bool:
    """Return whether any option or ini key of ours is given."""
    return any(value_of(config, option.key) not in (None, False, []) for option in OPTIONS)
