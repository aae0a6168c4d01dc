"""What people type before they have read anything, and what the settings say of themselves."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from support.faults import FaultServer, SegmentFile
from support.shell import Shell
from tcc_uploader.cli.main import tcc_upload
from tcc_uploader.settings_file import TomlFile, read_settings_file

EXAMPLE = Path(__file__).parents[3] / "examples" / "upload.toml"


def leaves(group: click.Group = tcc_upload, *before: str) -> list[tuple[str, ...]]:
    """Return the words of every command that does something."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found += leaves(command, *before, name) if isinstance(command, click.Group) else [(*before, name)]
    return found


def printed(*arguments: str, code: int = 0) -> str:
    """Return what the command prints."""
    done = CliRunner().invoke(tcc_upload, arguments)
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_help_has_exit_codes_and_an_example(words: tuple[str, ...]) -> None:
    """And nothing in it is cut; `help` before the command tells the same."""
    text = printed(*words, "--help")
    assert "Exit code" in text
    assert f"tcc-upload {' '.join(words)}" in text.partition("Example")[2]
    assert text == printed("help", *words)


def test_the_list_of_commands_is_not_cut() -> None:
    """Each stands there with its whole first sentence."""
    assert "..." not in printed("--help").replace("[ARGS]...", "")


def test_what_is_nearly_right_is_suggested() -> None:
    """A command, an option, and a setting in the file."""
    assert "Did you mean 'replay'?" in printed("rply", code=2)
    assert "Did you mean '--adopt'?" in printed("replay", "--adpt", code=2)
    assert "no such command" in printed("help", "nonsense", code=2)


def test_the_version_is_told_in_each_usual_way(shell: Shell) -> None:
    """-V, --version, and the module."""
    done = subprocess.run([sys.executable, "-m", "tcc_uploader", "-V"], capture_output=True, text=True, check=True)
    assert done.stdout == shell.run("--version") == shell.run("-V")


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_names_the_command(shell_name: str) -> None:
    """The script asks tcc-upload what fits; another shell is a usage error."""
    assert "_TCC_UPLOAD_COMPLETE" in printed("completion", shell_name)
    printed("completion", "tcsh", code=2)


def test_a_completing_shell_gets_commands_and_options(shell: Shell) -> None:
    """What the script asks is answered."""
    words = {"_TCC_UPLOAD_COMPLETE": "bash_complete", "COMP_WORDS": "tcc-upload repl", "COMP_CWORD": "1"}
    assert shell.run(**words) == "plain,replay\n"


def test_the_example_settings_are_read_and_name_every_setting() -> None:
    """Who copies the file and takes what is needed makes no mistake."""
    assert read_settings_file(EXAMPLE, {}).model_fields_set == TomlFile.model_fields.keys()


def test_what_is_wrong_in_the_file_is_told_with_its_line(shell: Shell, tmp_path: Path) -> None:
    """File, line, name, and what is allowed; a key is not quoted, and belongs elsewhere."""
    file = tmp_path / "upload.toml"
    file.write_text('# mine\nin_flight = 0\napi_key = "tcc_secret"\nspool = "x"\n')
    shell.run("verify", "--config", file, code=2)
    assert f"{file}, line 2: in_flight" in shell.printed
    assert f"{file}, line 3: api_key: keys never go here" in shell.printed
    assert (
        f"{file}, line 4: there is no setting 'spool' (did you mean spools?); there are spools, state_dir"
        in shell.printed
    )
    assert "tcc_secret" not in shell.printed


def test_each_setting_tells_where_it_came_from(shell: Shell, tmp_path: Path) -> None:
    """Option before variable before file before default; of a key only the hint."""
    file = tmp_path / "upload.toml"
    file.write_text('in_flight = 3\nafter = "keep 7d"\nstate_dir = "/never"\n')
    text = shell.run("config", "show", "--config", file, "--limit-rate", "2k")
    lines = {line[:18].strip(): line[18:] for line in text.splitlines()}
    assert lines["in flight"] == "3  (file)"
    assert lines["after delivery"] == "keep for 7 days  (file)"
    assert lines["limit rate"] == "2,048 bytes per second  (option)"
    assert lines["state"] == f"{shell.state.parent}  (TCC_STATE_DIR)"
    assert lines["adopted hints"] == "none  (default)"
    assert shell.environment["TCC_API_KEY"] not in text


def test_what_can_not_be_meant_is_refused_with_what_to_do(shell: Shell) -> None:
    """A base URL with the path of runs, and a hint that can be none."""
    shell.run("verify", code=2, TCC_BASE_URL="http://127.0.0.1:9/v1/custom")
    assert "name the base alone, http://127.0.0.1:9" in shell.printed
    shell.run("replay", "--adopt", "my-key", code=2)
    assert "'my-key' is no key hint: 8 hex digits" in shell.printed


def test_a_hint_that_no_record_has_is_told_with_those_that_they_have(shell: Shell, server: FaultServer) -> None:
    """A typo in --adopt looks like a key that the server refuses; the dry run and the replay name it."""
    SegmentFile().run("r1", key_hint="0123abcd").run("r2").seal().write(shell.spool)
    for arguments in (["replay", "--dry-run"], ["replay"]):
        shell.printed = ""
        shell.run(*arguments, "--adopt", "deadbeef", code=77)
        assert "--adopt deadbeef: no pending record has this key hint; they have 0123abcd" in shell.printed
    shell.printed = ""
    shell.run("replay", "--adopt", "0123abcd")
    assert "no pending record" not in shell.printed
    shell.run("replay", "--adopt", "deadbeef")
    assert "no pending record" not in shell.printed, "nothing is pending: from cron, that is no news"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('base_url = "nonsense"', "base_url: TCC_BASE_URL can't be used"),
        ('target = "A/B"', "target: TCC_TARGET 'A/B' can't be a folder's name: 1 to 64 of a-z"),
        ('after = "soon"', "after: --after 'soon' must be 'delete', 'keep', or"),
        ('limit_rate = "fast"', "limit_rate: --limit-rate (TCC_LIMIT_RATE) must be bytes per second"),
        ('allow_paths = ["../up"]', "allow_paths: /v1/../up can't be allowed"),
        ('allow_origins = ["up"]', "allow_origins: an allowed origin"),
    ],
)
def test_a_value_of_the_file_that_can_t_be_used_is_told_with_its_line(
    shell: Shell, tmp_path: Path, line: str, said: str
) -> None:
    """Also where only its meaning is wrong, not its type."""
    file = tmp_path / "upload.toml"
    file.write_text(f"# mine\n{line}\n")
    shell.run("verify", "--config", file, code=2, TCC_BASE_URL="", TCC_TARGET="")
    assert f"{file}, line 2: {said}" in shell.printed


def test_runs_are_named_by_any_unique_part_of_their_id(shell: Shell, server: FaultServer) -> None:
    """A short id by all of it; ``drop`` asks before it drops what a part names, and with --yes takes whole ids."""
    SegmentFile().run("r1").run("r10").run("a-long-name").write(shell.spool)
    assert "r1" in shell.run("show", "r1")
    shell.run("show", "r", code=66)
    assert "4 characters are needed" in shell.printed
    assert "a-long-name" in shell.run("show", "ong-n")
    shell.run("drop", "1", code=2)
    assert "2 runs could be meant by 1" in shell.printed
    assert "run a-long-name," in shell.run("drop", "ong-n", code=1)
    shell.run("drop", "ong-n", "--yes", code=66)


def test_help_of_a_word_that_is_nearly_a_command_names_it() -> None:
    """As the command itself does."""
    assert "did you mean status?" in printed("help", "stauts", code=2)
