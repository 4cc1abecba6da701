"""`run`: the script that finds a Python, installs, and hands over; here with Pythons that only pretend."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A Python as far as `run` can tell: it notes what it is asked to do, and does it in appearance.
PRETENDED = """#!/bin/sh
case "$*" in
    *version_info*) exit {too_old} ;;
    *ensurepip*) exit {lacks_venv} ;;
    *fcntl*) exec "{python}" "$@" ;;
    *"-m venv"*)
        echo venv >>"{calls}"
        mkdir -p "$4/bin"
        cp "$0" "$4/bin/python"
        ;;
    *editable*)
        echo install >>"{calls}"
        printf '#!/bin/sh\\nprintf "%%s|" "$HOOKLOG_HOME" "$@"\\n' >"${{0%/python}}/hooklog"
        chmod +x "${{0%/python}}/hooklog"
        ;;
    *pip*) [ ! -e "{offline}" ] ;;
esac
"""


class Clone:
    """A clone of the repository as far as `run` is concerned, and a PATH with nothing but what it needs."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "a clone"
        self.bin = directory / "bin"
        self.calls = directory / "calls"
        self.offline = directory / "offline"
        self.path.mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "run", self.path)
        (self.path / "requirements.lock").write_text("rq==3.0.0\n")
        (self.path / "pyproject.toml").write_text("[project]\n")
        for tool in ("sh", "dirname", "cksum", "cat", "cp", "mkdir", "chmod", "rm"):
            found = shutil.which(tool)
            assert found
            (self.bin / tool).symlink_to(found)

    def add_python(self, name: str, *, too_old: int = 0, lacks_venv: int = 0) -> Path:
        script = PRETENDED.format(
            python=sys.executable,
            calls=self.calls,
            offline=self.offline,
            too_old=too_old,
            lacks_venv=lacks_venv,
        )
        return self.add_program(name, script)

    def add_program(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.path / "run", *arguments],
            env={"PATH": str(self.bin), **environment},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate()
        return process.returncode, output, errors

    def calls_of(self, what: str) -> int:
        return self.calls.read_text().split().count(what) if self.calls.exists() else 0

    def python_used(self) -> str:
        return (self.path / ".venv/hooklog-origin").read_text().splitlines()[0]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_arguments_reach_hooklog_from_any_directory_and_by_a_path_with_a_space(clone: Clone) -> None:
    clone.add_python("python3")
    status, output, _ = clone.run("psql", "-c", "SELECT 1")
    assert (0, f"{clone.path}/.hooklog|psql|-c|SELECT 1|") == (status, output)


def test_a_home_that_is_named_stays_the_home(clone: Clone) -> None:
    clone.add_python("python3")
    assert "elsewhere|up|" == clone.run("up", HOOKLOG_HOME="elsewhere")[1]


def test_bytecode_is_kept_whatever_the_environment_says(clone: Clone) -> None:
    clone.add_python("python3")
    clone.run("up")
    (clone.path / ".venv/bin/hooklog").write_text(
        '#!/bin/sh\nprintf "%s" "${PYTHONDONTWRITEBYTECODE-kept}"\n'
    )
    assert "kept" == clone.run("up", PYTHONDONTWRITEBYTECODE="1")[1]


def test_it_installs_once(clone: Clone) -> None:
    clone.add_python("python3")
    assert "installing" in clone.run("up")[2]
    assert "" == clone.run("up")[2]
    assert 1 == clone.calls_of("install")


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_what_has_changed_is_brought_up_to_date_in_place(clone: Clone, changed: str) -> None:
    clone.add_python("python3")
    clone.run("up")
    (clone.path / changed).write_text("other\n")
    assert "bringing" in clone.run("up")[2]
    assert (2, 1) == (clone.calls_of("install"), clone.calls_of("venv"))


def test_it_installs_again_where_the_clone_was_moved(clone: Clone, tmp_path: Path) -> None:
    clone.add_python("python3")
    clone.run("up")
    clone.path = clone.path.rename(tmp_path / "another place")
    clone.run("up")
    assert 2 == clone.calls_of("venv")


def test_two_first_starts_at_once_install_once(clone: Clone) -> None:
    clone.add_python("python3")
    both = [clone.start("up"), clone.start("up")]
    assert [f"{clone.path}/.hooklog|up|"] * 2 == [process.communicate()[0] for process in both]
    assert 1 == clone.calls_of("install")


def test_a_python_that_only_fails_or_is_too_old_is_passed_over(clone: Clone) -> None:
    clone.add_program("python3.13", "#!/bin/sh\necho 'python3.13: command not found' >&2\nexit 127\n")
    clone.add_python("python3.12", too_old=1)
    clone.add_python("python3.11", lacks_venv=1)
    clone.add_python("python3")
    assert 0 == clone.run("up")[0]
    assert "python3" == clone.python_used()


def test_without_a_python_it_says_which_one_it_needs(clone: Clone) -> None:
    clone.add_python("python3", too_old=1)
    status, _, errors = clone.run("up")
    assert 1 == status
    assert (
        "there is no Python 3.11 or later on the PATH: install one, or name it by HOOKLOG_PYTHON." in errors
    )


def test_without_the_venv_module_it_says_how_to_get_it(clone: Clone) -> None:
    clone.add_python("python3", lacks_venv=1)
    status, _, errors = clone.run("up")
    assert 1 == status
    assert "python3 lacks the venv module: install it (Debian, Ubuntu: apt install python3-venv)" in errors


def test_a_python_that_is_named_is_the_one(clone: Clone, tmp_path: Path) -> None:
    clone.add_python("python3")
    named = clone.add_python("python 3.11 of mine")
    assert 0 == clone.run("up", HOOKLOG_PYTHON=str(named))[0]
    assert str(named) == clone.python_used()
    status, _, errors = clone.run("up", HOOKLOG_PYTHON="nonsense")
    assert 1 == status
    assert "HOOKLOG_PYTHON=nonsense is no Python 3.11 or later: name one that is, or unset it." in errors


def test_an_installation_that_breaks_off_says_so_and_the_next_start_mends_it(clone: Clone) -> None:
    clone.add_python("python3")
    clone.offline.touch()
    status, _, errors = clone.run("up")
    assert 1 == status
    assert "the installation broke off, see above; the next start begins it anew." in errors
    clone.offline.unlink()
    assert (0, f"{clone.path}/.hooklog|up|") == clone.run("up")[:2]


def test_an_update_that_breaks_off_is_made_anew(clone: Clone) -> None:
    clone.add_python("python3")
    clone.run("up")
    (clone.path / "requirements.lock").write_text("other\n")
    clone.offline.touch()
    assert 1 == clone.run("up")[0]
    clone.offline.unlink()
    assert 0 == clone.run("up")[0]
    assert 2 == clone.calls_of("venv")


def test_a_python_that_went_away_is_replaced(clone: Clone) -> None:
    clone.add_python("python3")
    clone.run("up")
    (clone.path / ".venv/bin/python").unlink()
    assert 0 == clone.run("up")[0]
    assert 2 == clone.calls_of("venv")
