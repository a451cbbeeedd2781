"""``claimx-run completion``: print what makes a shell complete commands, options and names."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

SCRIPTS = {
    "bash": """\
_claimx_run_completion() {
    local IFS=$'\\n'
    COMPREPLY=($(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        _CLAIMX_RUN_COMPLETE=complete_bash "$1" 2>/dev/null))
}
complete -o default -F _claimx_run_completion claimx-run
""",
    "zsh": """\
#compdef claimx-run
_claimx_run_completion() {
    eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" \\
        _CLAIMX_RUN_COMPLETE=complete_zsh ${words[1]} 2>/dev/null)
}
compdef _claimx_run_completion claimx-run
""",
    "fish": """\
function _claimx_run_completion
    set -lx _CLAIMX_RUN_COMPLETE complete_fish
    set -lx _TYPER_COMPLETE_FISH_ACTION $argv[1]
    set -lx _TYPER_COMPLETE_ARGS (commandline -cp)
    set -l words (commandline -opc)
    $words[1] 2>/dev/null
end
complete --command claimx-run --no-files --arguments "(_claimx_run_completion get-args)" \\
    --condition "_claimx_run_completion is-args"
""",
}
"""By shell: how it asks for the words that may follow, which Typer answers."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Your shell.")],
) -> None:
    """Print what makes your shell complete commands, options and names.

    Names are those of the settings: workers, tables, topics, queries, plugins, domains.
    """
    sys.stdout.write(SCRIPTS[shell])
