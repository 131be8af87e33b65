"""Reading cells out of every kind of file, on documents of our own."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from tgrad.cli.dialects import infer_dialect
from tgrad.cli.documents import Cell, DocumentError, parse_document, parse_text, read


def cells(text: str) -> list[Cell]:
    return parse_text(textwrap.dedent(text).strip("\n")).cells


def shown(text: str) -> list[tuple[str, str | None]]:
    return [(cell.code, cell.expected) for cell in cells(text)]


def test_markdown_fence() -> None:
    text = """
    # Title

    Some words.

    ```python
    x = 1
    x + 1
    ```

    ~~~py
    y = 2
    ~~~
    """
    assert shown(text) == [("x = 1\nx + 1", None), ("y = 2", None)]
    assert [(cell.line, cell.block) for cell in cells(text)] == [(6, 1), (11, 2)]


@pytest.mark.parametrize(
    "info", ["python", "py", "{python}", "{.python .numberLines}", "Python3", "{code-cell} ipython3"]
)
def test_names_of_python(info: str) -> None:
    assert shown(f"```{info}\nx = 1\n```") == [("x = 1", None)]


@pytest.mark.parametrize("info", ["json", "cpp", "yaml", "diff", "lua"])
def test_other_languages_are_no_cells(info: str) -> None:
    assert cells(f"```{info}\nx = 1\n```") == []


def test_a_fence_in_a_list() -> None:
    assert shown("- item:\n\n  ```python\n  for i in x:\n      print(i)\n  ```\n") == [
        ("for i in x:\n    print(i)", None)
    ]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert shown('````python\nx = """\n```\n"""\n````') == [('x = """\n```\n"""', None)]


def test_a_fence_that_is_never_closed() -> None:
    assert shown("```python\nx = 1") == [("x = 1", None)]


def test_output_in_the_next_block() -> None:
    text = """
    ```python
    print(x)
    ```
    ```
    tensor([1., 2.])
    ```

    Output:

    ```text
    more
    ```
    """
    assert shown(text) == [("print(x)", "tensor([1., 2.])\n\nmore")]


def test_indented_output_of_a_converted_notebook() -> None:
    text = """
    ```python
    torch.rand(2, 2, 1)
    ```




        tensor([[[0.1],
                 [0.2]],

                [[0.3],
                 [0.4]]])



    And on.

        not output, for prose has come between
    """
    expected = "tensor([[[0.1],\n         [0.2]],\n\n        [[0.3],\n         [0.4]]])"
    assert shown(text) == [("torch.rand(2, 2, 1)", expected)]


def test_blocks_in_an_indented_note() -> None:
    text = """
    !!! note

        Words of the note.

        ```python
        print(x)
        ```

        More words, and no output.

        ```python
        print(y)
        ```

    ```python
    epoch 1, loss 0.5
    ```
    """
    assert shown(text) == [("print(x)", None), ("print(y)", "epoch 1, loss 0.5")]


def test_jekyll_highlight() -> None:
    text = """
    ---
    title: x
    ---
    {% highlight python %}
    >> a = torch.ones(2)
    >> a

     1
     1
    [torch.FloatTensor of size 2]
    {% endhighlight %}
    {% highlight bash %}
    apt-get install x
    {% endhighlight %}
    """
    found = cells(text)
    assert [(c.code, c.expected, c.language) for c in found] == [
        ("a = torch.ones(2)", None, "python"),
        ("a", " 1\n 1\n[torch.FloatTensor of size 2]", "python"),
        ("apt-get install x", None, "shell"),
    ]
    assert found[0].prompt and found[0].line == 5


def test_shift_operators_are_no_prompts() -> None:
    assert shown("```python\nx = (1\n>> 2)\n```") == [("x = (1\n>> 2)", None)]


def test_restructured_text() -> None:
    text = """
    .. code-block:: python
       :linenos:

       x = 1

       y = 2

    Words.

    >>> x + y
    3
    >>> for i in range(2):
    ...     print(i)
    0
    1

    More words.
    """
    assert shown(text) == [
        ("x = 1\n\ny = 2", None),
        ("x + y", "3"),
        ("for i in range(2):\n    print(i)", "0\n1"),
    ]


def test_html() -> None:
    text = '<pre><code class="language-python">x = 1\nx &lt; 2\n</code></pre>'
    assert shown(text) == [("x = 1\nx < 2", None)]


def test_code_without_a_prompt_before_and_after_prompts() -> None:
    text = """
    ```
    import torch

    x = torch.ones(2)
    >>> x
    tensor([1., 1.])

    y = x + 1
    tensor([2., 2.])
    >>> y
    tensor([2., 2.])
    ```
    """
    assert shown(text) == [
        ("import torch\n\nx = torch.ones(2)", None),
        ("x", "tensor([1., 1.])"),
        ("y = x + 1", "tensor([2., 2.])"),
        ("y", "tensor([2., 2.])"),
    ]


def test_output_that_is_python_too() -> None:
    text = """
    ```
    >>> x.size()
    torch.Size([2, 3])

    >>> x.requires_grad

    True
    >>> x.dtype
    torch.float32
    >>> loss
    loss = 0.5
    ```
    """
    assert [expected for _, expected in shown(text)] == ["torch.Size([2, 3])", "True", "torch.float32", "loss = 0.5"]


def test_values_under_code_without_prompts() -> None:
    text = """
    ```python
    x = torch.ones(2)
    x
    tensor([1., 1.])
    y = x.sum()
    print(y)
    tensor(2.)
    y.dim()
    0
    ```
    """
    assert shown(text) == [
        ("x = torch.ones(2)\nx", "tensor([1., 1.])"),
        ("y = x.sum()\nprint(y)", "tensor(2.)"),
        ("y.dim()", "0"),
    ]


def test_values_that_do_not_compile() -> None:
    text = """
    ```python
    print(x)
    [[0 1 2]
     [3 4 5]]
    y.grad_fn
    <AddBackward0 object at 0x1>
    ```
    """
    assert shown(text) == [("print(x)", "[[0 1 2]\n [3 4 5]]"), ("y.grad_fn", "<AddBackward0 object at 0x1>")]


def test_tensor_is_code_where_it_is_defined() -> None:
    assert shown("```python\nfrom torch import tensor\ntensor([1.])\ntensor([2.])\n```") == [
        ("from torch import tensor\ntensor([1.])\ntensor([2.])", None)
    ]


def test_broken_code_is_still_code() -> None:
    text = "```python\nimport torch\nclass A:\n    def f(self.x):\n        return 1\nprint 'x'\n```"
    assert [cell.code.split("\n")[0] for cell in cells(text)] == ["import torch"]
    assert cells(text)[0].code.endswith("print 'x'")


@pytest.mark.parametrize(
    "output",
    [
        "tensor([1., 2.])",
        "(tensor([1.]), tensor(5))",
        "RESULT",
        "array([1., nan], dtype=float32)",
        "tensor([1, 2], dtype=torch.int32)",
        "torch.Size([2])",
    ],
)
def test_a_block_of_nothing_but_output(output: str) -> None:
    assert shown(f"```python\nx\n```\n```python\n{output}\n```\n") == [("x", output)]


def test_blocks_that_are_not_python() -> None:
    text = """
    ```
    conda install pytorch
    ```
    ```
    data
    ├── train
    └── test
    ```
    ```
    $ pip install torch
    ```
    ```
    %timeit f(x)
    ```
    """
    assert [(cell.code, cell.language) for cell in cells(text)] == [
        ("$ pip install torch", "shell"),
        ("%timeit f(x)", "magic"),
    ]


def test_unlabelled_code() -> None:
    assert shown("```\nx = torch.ones(2)\nprint(x)\n```") == [("x = torch.ones(2)\nprint(x)", None)]


def test_continuation_lines_without_dots() -> None:
    text = """
    ```
    >>> x = f([1, 2],
              [3, 4])
    >>> for i in x:
            print(i)
    1
    ```
    """
    assert shown(text) == [("x = f([1, 2],\n          [3, 4])", None), ("for i in x:\n        print(i)", "1")]


def test_notebook_transcript() -> None:
    text = """
    Words first.

    In [1]:
    import torch
    %matplotlib inline

    # A heading, not a comment
    - a list

    In [2]:
    x = torch.ones(2)

    def f(a):

        return a

    try:
        f(x)

    except Exception as e:
        print(e)
    print(x)

    tensor([1., 1.])


    - more words about x.

    In [3]:
    x.requires_grad

    False

    ## Heading

    In [4]:
    print(x)y

    tensor([1., 1.])
    """
    found = shown(text)
    assert found[0] == ("import torch\n%matplotlib inline", None)
    assert found[1][0].startswith("x = torch.ones(2)\n\ndef f") and found[1][0].endswith("print(e)\nprint(x)")
    assert found[1][1] == "tensor([1., 1.])"
    assert found[2] == ("x.requires_grad", "False")
    assert found[3] == ("print(x)y", "tensor([1., 1.])")


def test_ipython_transcript() -> None:
    text = """
    ```
    In [1]: x = 1

    In [2]: for i in range(2):
       ...:     print(i)
       ...:
    0
    1

    In [3]: x
    Out[3]: 1

    In [4]: t
    Out[4]:
    tensor([1.,
            2.])
    ```
    """
    assert shown(text) == [
        ("x = 1", None),
        ("for i in range(2):\n    print(i)", "0\n1"),
        ("x", "1"),
        ("t", "tensor([1.,\n        2.])"),
    ]


def test_indented_code_of_plain_markdown() -> None:
    text = """
    Title
    =====

    Say:

        import torch
        torch.ones(2)

    and it is there.
    """
    assert shown(text) == [("import torch\ntorch.ones(2)", None)]


def test_spaces_of_a_web_page() -> None:
    assert shown("```python\nif\u00a0x:\n\u00a0\u00a0\u00a0\u00a0y = 1\n```") == [("if x:\n    y = 1", None)]


def test_script_cells() -> None:
    text = "import torch\nx = 1\n\n\n# about y\ny = (1,\n\n     2)\nprint(y)\n\ndef f():\n    a = 1\n\n    return a\n"
    document = parse_document(text, "a.py", ".py")
    assert document.kind == "script"
    assert [(cell.code, cell.line) for cell in document.cells] == [
        ("import torch\nx = 1", 1),
        ("# about y\ny = (1,\n\n     2)\nprint(y)", 5),
        ("def f():\n    a = 1\n\n    return a", 11),
    ]


NOTEBOOK = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": ["# Title"]},
        {
            "cell_type": "code",
            "source": ["x = 1\n", "x"],
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["hello\n"]},
                {"output_type": "execute_result", "data": {"text/plain": ["1"]}},
            ],
        },
        {"cell_type": "code", "source": "", "outputs": []},
        {"cell_type": "code", "source": "1/0", "outputs": [{"output_type": "error", "ename": "E", "evalue": "v"}]},
        {"cell_type": "code", "source": "!ls", "outputs": []},
    ],
}


def test_notebook() -> None:
    document = parse_document(json.dumps(NOTEBOOK), "a.ipynb", ".ipynb")
    assert [(c.code, c.expected, c.language, c.block) for c in document.cells] == [
        ("x = 1\nx", "hello\n1", "python", 1),
        ("1/0", "E: v", "python", 2),
        ("!ls", None, "shell", 3),
    ]


def test_old_notebook() -> None:
    cell = {"cell_type": "code", "input": ["x"], "outputs": [{"output_type": "pyout", "text": ["1"]}]}
    document = parse_document(json.dumps({"worksheets": [{"cells": [cell]}]}), "a.ipynb", ".ipynb")
    assert [(c.code, c.expected) for c in document.cells] == [("x", "1")]


def test_notebook_in_another_language() -> None:
    text = json.dumps({"metadata": {"kernelspec": {"language": "R"}}, "cells": []})
    with pytest.raises(DocumentError, match="a notebook in r, not in Python"):
        parse_document(text, "a.ipynb", ".ipynb")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": [{}]}', '{"worksheets": []}'])
def test_broken_notebook(text: str) -> None:
    with pytest.raises(DocumentError, match=r"a\.ipynb: not a notebook"):
        parse_document(text, "a.ipynb", ".ipynb")


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        ("x = 1\n", "script", 1),
        ("# Title\n\n```python\nx = 1\n```\n", "text", 1),
        (">>> x = 1\n", "text", 1),
        (json.dumps(NOTEBOOK), "notebook", 3),
        ("x = = 1\n", "script", 1),
        ("", "script", 0),
    ],
)
def test_stdin_is_read_for_what_it_is(text: str, kind: str, count: int) -> None:
    document = parse_document(text, "<stdin>", "")
    assert (document.kind, len(document.cells)) == (kind, count)


def test_files(tmp_path: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"))
    assert "é" in read(str(latin)).source
    binary = tmp_path / "a.md"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DocumentError, match="not a UTF-8 text file"):
        read(str(binary))
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "none.md"))


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("[torch.FloatTensor of size 2x2]", "0.1"),
        ("Variable containing:\n 1", "0.1"),
        ("y.creator", "0.1"),
        ("tensor([[ 1.,  2.]])", "0.4"),
        ("tensor([[ 0.,  2.],\n [10., 1.]]) tensor([1., 2.])", "current"),
        ("tensor([1., 2.])", "current"),
        ("tensor([[ 3,  5], [10, 5]])", "current"),
        ("tensor([-1., 2.])", "current"),
        ("", "current"),
        ("z.backward(retain_variables=True)\ntensor([1.])", "current"),
    ],
)
def test_dialect(text: str, dialect: str) -> None:
    assert infer_dialect(text) == dialect
