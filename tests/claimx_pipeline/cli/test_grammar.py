"""Every command is walked: its help, its examples, its options, and what a mistake ends with."""

import json
import shlex
import sys

import pytest
import typer

from claimx_pipeline.cli.examples import EXAMPLES
from claimx_pipeline.cli.main import app, main
from claimx_pipeline.hooks.manner import manner

VERBS = {"list", "show", "create", "read", "delete"}
"""What a group calls its commands where one of these is meant."""

OTHERS = {
    "describe": ("show",),
    "info": ("show",),
    "get": ("show",),
    "remove": ("delete",),
    "ls": ("list",),
    "rm": ("delete",),
    "add": ("create",),
}
"""Words that a group may have only as a second name of ours."""

COMMON = {
    "--json": (None, True),
    "--csv": (None, True),
    "--vertical": (None, True),
    "--dry-run": (None, True),
    "--yes": ("-y", True),
    "--limit": (None, False),
    "--domain": (None, False),
    "--strict": (None, True),
    "--until-idle": (None, True),
    "--again": (None, True),
}
"""Options that have one form everywhere: their short name, and whether they are flags."""

NOT_AS_JSON = {
    *("config schema", "completion", "up", "backfill", "simulate", "console", "init", "dlq export"),
    *("export systemd", "export kubernetes", "export compose", "export image", "plugins new"),
    *("monitoring export", "tables views"),
}
"""What serves, or writes files or text of a form of its own."""


def root():
    return typer.main.get_command(app)


def leaves(command, name=()):
    """Yield every command that can be run, with the words that are typed for it."""
    context = typer.Context(command)
    if not hasattr(command, "list_commands"):
        yield " ".join(name), command
        return
    for inner in command.list_commands(context):
        yield from leaves(command.get_command(context, inner), (*name, inner))


COMMANDS = dict(leaves(root()))

every_command = pytest.mark.parametrize("name", COMMANDS)


def typed(monkeypatch, capsys, *words):
    """Return the exit code, what goes to stdout and what to stderr, of a line that is typed."""
    monkeypatch.setattr(sys, "argv", ["claimx-run", *words])
    monkeypatch.setattr(manner, "quiet", False)
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return ended.value.code or 0, out, err


def options(command):
    return {
        name: parameter
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
    }


@every_command
def test_help_says_what_it_does_with_an_example_that_is_typed_so(name, monkeypatch, capsys):
    code, out, err = typed(monkeypatch, capsys, *name.split(), "--help")
    assert (code, err) == (0, "")
    assert f"claimx-run {name} " in out.splitlines()[0]
    _, _, examples = out.partition("Examples:")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines, "give it an example, in cli/examples.py or as the command's epilog"
    for line in lines:
        words = shlex.split(line)
        assert words[: 1 + len(name.split())] == ["claimx-run", *name.split()]
        given = words[1 + len(name.split()) :]
        COMMANDS[name].make_context(name, [*given])  # refuses what it does not take


@every_command
def test_each_parameter_says_what_it_is(name):
    told = [each.name for each in COMMANDS[name].params if getattr(each, "help", None)]
    metavars = [each.name for each in COMMANDS[name].params if each.metavar]
    silent = {each.name for each in COMMANDS[name].params} - {*told, *metavars}
    assert silent <= {"help"}


@every_command
def test_options_have_one_form_everywhere(name):
    found = options(COMMANDS[name])
    for option, (short, flag) in COMMON.items():
        if option in found:
            assert found[option].is_flag is flag, option
            others = {
                each for each in found[option].opts if each.startswith("-") and each[1] != "-"
            }
            assert others == ({short} if short else set()), option
    assert "--json" in found or name in NOT_AS_JSON
    if name.endswith(" list"):
        assert {"--json", "--csv", "--vertical"} <= found.keys()
    assert "--csv" not in found or "--vertical" in found


def test_groups_use_the_same_verbs():
    groups = {}
    for name in COMMANDS:
        group, _, verb = name.partition(" ")
        groups.setdefault(group, set()).add(verb)
    for group, verbs in groups.items():
        for verb in verbs & OTHERS.keys():
            assert verbs & {*OTHERS[verb]}, f"{group} {verb} is called otherwise elsewhere"
    kept = {group for group, verbs in groups.items() if "list" in verbs}
    assert kept >= {"topics", "tables", "plugins", "dlq"}


@every_command
def test_an_option_that_does_not_exist_is_wrong_use(name, monkeypatch, capsys):
    code, out, err = typed(monkeypatch, capsys, *name.split(), "--nonsense")
    assert (code, out) == (2, "")
    assert "--nonsense" in err


READS_NONE = {
    *("demo", "init", "simulate", "completion", "config schema", "plugins new", "plugins list"),
    *("config check", "doctor"),  # they print what is wrong as their result
    "backfill",  # it looks at the files first
}
"""Commands that need no settings that can be used."""


@pytest.mark.parametrize("name", [each for each in COMMANDS if each not in READS_NONE])
def test_settings_that_cannot_be_read_are_named_in_one_sentence(
    name, monkeypatch, capsys, tmp_path
):
    example = EXAMPLES.get(name)
    if example is None:
        pytest.skip("a command of a plugin, which may not read settings")
    (tmp_path / "bad.yaml").write_text("brokers: {url: 'sqlite:///b.db'}\n")
    words = shlex.split(example[-1])
    for file in ("mine.jsonl", "event.json"):
        (tmp_path / file).write_text("{}\n")
    code, out, err = typed(monkeypatch, capsys, "--config", "bad.yaml", *words)
    assert (code, out) == (2, ""), err
    assert "did you mean 'broker'?" in err


@pytest.mark.parametrize("group", sorted({n.split()[0] for n in COMMANDS if " " in n}))
def test_a_misspelt_command_of_a_group_is_refused_with_the_one_meant(group, monkeypatch, capsys):
    verb = next(n.split()[1] for n in COMMANDS if n.startswith(f"{group} "))
    code, out, err = typed(monkeypatch, capsys, group, f"{verb}x")
    assert (code, out) == (2, "")
    assert f"did you mean '{verb}'?" in err.lower()


@pytest.mark.parametrize(
    "words", ["config show", "tables list", "topics list", "plugins list", "worker list"]
)
def test_json_is_one_document_whose_keys_have_no_blanks(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["claimx-run", *words.split(), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    rows = json.loads(capsys.readouterr().out)
    if isinstance(rows, list):
        assert all(key.replace(" ", "_") in row for row in rows for key in row)
