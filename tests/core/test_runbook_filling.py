"""Where a value is needed."""

from __future__ import annotations

import pytest

from console.core.runbooks.filling import Form, Placeholder, Want, line_with


@pytest.mark.parametrize(
    ("written", "text", "line"),
    [
        ("<pod>", "kubectl get ns\n  kubectl logs <pod>\n", "kubectl logs <pod>"),
        ("<pod>", "# put in <pod>\nkubectl logs <pod>", "kubectl logs <pod>"),
        ("$POD", 'echo "$POD_NAME"\necho "$POD"', 'echo "$POD"'),
        ("${POD}", "echo a\necho ${POD}", "echo ${POD}"),
        ("<pod>", "# put in <pod>\nkubectl logs", "# put in <pod>"),
        ("<pod>", "kubectl logs {{pod}}", ""),
    ],
)
def test_a_value_is_shown_in_the_line_that_needs_it(written: str, text: str, line: str) -> None:
    assert line_with(Placeholder("pod", written, Form.ANGLE, Want.POD, (1,)), text) == line
