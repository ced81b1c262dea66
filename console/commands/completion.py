"""`hakgal-console completion SHELL`: what a shell must be told to complete commands and options."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  eval "$(hakgal-console completion bash)"                       in ~/.bashrc
  eval "$(hakgal-console completion zsh)"                        in ~/.zshrc
  hakgal-console completion fish > ~/.config/fish/completions/hakgal-console.fish
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's code."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["hakgal-console"], shell=arguments.shell))
    return 0
