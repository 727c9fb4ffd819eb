"""The README holds two commands that work as they stand, a true verdict table, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

from pytest_edgert.records import Verdict

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINKS = [
    (page, link)
    for page in PAGES
    for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
]


def test_the_readme_holds_two_commands_each_a_block_of_one_line():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert [block.rstrip("\n") for block in blocks] == COMMANDS
    assert len(COMMANDS) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_makes_its_environment_and_installs_extras_that_exist(command):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    make, install, run = command.split(" && ")
    assert make == "python3 -m venv .venv"
    extra = re.fullmatch(r'\.venv/bin/pip install -q -e "\.\[(\w+)\]"', install)[1]
    assert re.search(rf"^{extra} = \[", project, re.MULTILINE)
    assert run.startswith(".venv/bin/pytest ")


def test_the_models_of_the_first_command_are_there():
    models = re.findall(r"--edge-model=(?:\w+=)?(\S+)", COMMANDS[0])
    assert models
    assert all((ROOT / model).is_file() for model in models)


@pytest.mark.parametrize("verdict", Verdict)
def test_the_verdict_table_says_what_the_code_says(verdict):
    row = re.search(rf"^\| {verdict.value} \| .* \| (\w+) \|$", README, re.MULTILINE)
    assert row[1] == verdict.outcome


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_a_link_of_a_page_leads_somewhere(page, link):
    assert (page.parent / link).exists()
