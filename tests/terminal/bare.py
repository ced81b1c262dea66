"""The smallest Textual application there can be: one widget."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Bare(App[None]):
    """One widget."""

    def compose(self) -> ComposeResult:
        yield Static("bare and painted")


if __name__ == "__main__":
    Bare().run()
