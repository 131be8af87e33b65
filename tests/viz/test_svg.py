"""DOT to pictures: valid and self-contained SVG, text inside its card, files, and the choice of the layout program."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from graphviz.backend import dot_command

from tgrad import viz
from tgrad.viz import svg as svg_module
from tgrad.viz.dot import visible
from tgrad.viz.style import LOOKS

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz itself is not installed")


def draw(program: Any, lib: ModuleType) -> viz.Graph:
    tensors, options = program(lib)
    return viz.graph(*tensors, **options)


def texts(root: ElementTree.Element) -> list[str]:
    return sorted("".join(text.itertext()).strip() for text in root.iter(SVG + "text"))


def simple(lib: ModuleType) -> viz.Graph:
    x = lib.ones(2, requires_grad=True)
    return viz.graph(x * 3, names={"x": x})


def test_svg_is_well_formed_and_complete(program: Any, lib: ModuleType) -> None:
    graph = draw(program, lib)
    root = ElementTree.fromstring(graph.svg())
    assert root.tag == SVG + "svg"
    assert [child.tag for child in root][:3] == [SVG + "title", SVG + "desc", SVG + "style"]
    assert root.find(SVG + "title").text == graph.title  # type: ignore[union-attr]
    ids = [group.get("id") for group in root.iter(SVG + "g") if "node" in (group.get("class") or "").split()]
    assert sorted(ids) == sorted(node.id for node in graph.nodes)  # type: ignore[type-var]
    edges = [group for group in root.iter(SVG + "g") if "edge" in (group.get("class") or "").split()]
    assert len(edges) == len(graph.edges)


def test_picture_in_the_readme_is_current(tgrad: ModuleType, programs: dict[str, Any], overwrite_golden: bool) -> None:
    file = Path(__file__).parents[2] / "docs" / "images" / "seed.svg"
    graph = draw(programs["seed"], tgrad)
    if overwrite_golden:
        graph.save(file)
    # Texts only: coordinates may move with the layout program's next release.
    assert texts(ElementTree.parse(file).getroot()) == texts(ElementTree.fromstring(graph.svg()))


def test_svg_runs_and_loads_nothing(program: Any, lib: ModuleType) -> None:
    root = ElementTree.fromstring(draw(program, lib).svg())
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            "svg", "title", "desc", "style", "g", "a", "path", "polygon", "polyline", "text", "ellipse",
        }  # fmt: skip
        assert not [name for name in element.attrib if name.lower().startswith("on") or name.endswith("href")]


def test_svg_bytes_are_stable(lib: ModuleType) -> None:
    assert simple(lib).svg() == simple(lib).svg()


def test_tooltips(lib: ModuleType) -> None:
    x = lib.ones(2, requires_grad=True)
    y = x * 3
    root = ElementTree.fromstring(viz.graph(y.exp(), names={"x": x, "y & <z>": y}).svg())
    titles = [a.get(XLINK + "title") for a in root.iter(SVG + "a")]
    assert any(t and t.startswith("MulBackward0\ny & <z>: f32[2]") for t in titles)
    assert "x → y & <z> (input 0, output_nr 0)" in titles


@pytest.mark.parametrize("engine", ["pure", pytest.param("system", marks=needs_graphviz)])
def test_names_arrive_as_they_are(lib: ModuleType, hostile_names: list[str], engine: str) -> None:
    for name in [*hostile_names, "\\N", "\\\\N", "\\", '\\"', "%1 &#92;N"]:
        x = lib.ones(2, requires_grad=True)
        y = x.exp()
        root = ElementTree.fromstring(viz.graph(y, names={name: y}).svg(engine=engine))
        shown = visible(name)
        assert root.find(SVG + "title").text == f"autograd graph of {shown}"  # type: ignore[union-attr]
        tooltips = [a.get(XLINK + "title") for a in root.iter(SVG + "a")]
        assert any(t and f"\n{shown}: f32[2]" in t for t in tooltips), "of the node"
        assert any(t and t.startswith(f"leaf → {shown} (") for t in tooltips), "of the edge"
        assert f"autograd graph of {shown}" in tooltips
        short = shown if len(shown) <= 40 else shown[:39] + "…"
        assert short in ["".join(text.itertext()) for text in root.iter(SVG + "text")]


def test_dark_mode_knows_every_kind(lib: ModuleType) -> None:
    style = ElementTree.fromstring(simple(lib).svg()).find(SVG + "style")
    assert style is not None and style.text is not None
    dark = style.text.split("prefers-color-scheme:dark")[1]
    for kind, look in LOOKS.items():
        assert f"svg.tgrad .{kind}{{--f:{look.dark_fill};--s:{look.dark_stroke}}}" in dark
    rules = [line for line in style.text.splitlines() if line.strip() and not line.startswith(("@", "}"))]
    assert all(part.startswith("svg.tgrad") for rule in rules for part in rule.split("{")[0].split(","))


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("kind", [kind for kind in LOOKS if kind != "output"])
def test_chips_are_legible(kind: str) -> None:
    look = LOOKS[kind]
    assert _contrast(look.stroke, look.fill) >= 3.5
    assert _contrast(look.dark_stroke, look.dark_fill) >= 3.5


def _advance(text: str, size: float) -> float:
    """What a browser needs at the very least: wide letters take a square."""
    return sum(size for c in text if unicodedata.east_asian_width(c) in "WF")


def test_text_stays_inside_its_card(program: Any, lib: ModuleType, tmp_path: Path) -> None:
    draw(program, lib).save(tmp_path / "g.json")
    laid_out = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    for node in laid_out["objects"]:
        if "pos" not in node:
            continue
        center = float(node["pos"].split(",")[0])
        half = float(node["width"]) * 72 / 2
        size = 12.0
        for step in node["_ldraw_"]:
            if step["op"] == "F":
                size = step["size"]
            if step["op"] == "T":
                start = step["pt"][0] - {"l": 0, "c": 0.5, "r": 1}[step["align"]] * step["width"]
                end = start + max(step["width"], _advance(step["text"], size))
                assert center - half <= start and end <= center + half + 0.5, step["text"]


def test_save_by_suffix(lib: ModuleType, tmp_path: Path) -> None:
    graph = simple(lib)
    for name in ("g.svg", "g.png", "g.dot", "g.gv", "g.json", "G.SVG"):
        graph.save(tmp_path / name)
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    assert (
        (tmp_path / "g.dot").read_text(encoding="utf-8")
        == (tmp_path / "g.gv").read_text(encoding="utf-8")
        == graph.dot()
    )
    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == graph.svg() == graph._repr_svg_()
    assert json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["name"] == "tgrad"
    assert len(list(tmp_path.iterdir())) == 6, "no temporary file is left"


def test_unknown_suffix(lib: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'g\.bmp': the file must end in one of \.svg, \.png, \.dot, \.gv, \.json"):
        simple(lib).save(tmp_path / "g.bmp")
    with pytest.raises(ValueError, match="must end in one of"):
        simple(lib).save(tmp_path / "g")


def test_a_failed_save_leaves_the_old_file(lib: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "g.svg"
    target.write_text("old")
    with pytest.raises(viz.LayoutError):
        simple(lib).save(target, engine="/no/such/dot")

    def no_rename(*_: Any) -> None:
        raise OSError("disk on fire")

    monkeypatch.setattr(svg_module.os, "replace", no_rename)
    with pytest.raises(OSError, match="disk on fire"):
        simple(lib).save(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_saved_file_is_an_ordinary_file(lib: ModuleType, tmp_path: Path) -> None:
    simple(lib).save(tmp_path / "g.dot")
    (tmp_path / "other").write_text("")
    assert (tmp_path / "g.dot").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_engine_pure_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TGRAD_DOT", raising=False)
    assert svg_module.find_engine() == svg_module.find_engine("pure")
    assert svg_module.find_engine().stem == "graphviz-pure"


def test_engine_by_variable_path_and_argument(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / ("dot.exe" if sys.platform == "win32" else "dot")
    shutil.copy(svg_module.find_engine("pure"), program)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TGRAD_DOT", "system")
    assert svg_module.find_engine() == program
    assert svg_module.find_engine("pure").stem == "graphviz-pure"
    monkeypatch.setenv("TGRAD_DOT", str(program))
    assert svg_module.find_engine() == program
    assert svg_module.find_engine("system") == program


def test_missing_engine_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(viz.LayoutError, match=r"dot was not found\. `pip install graphviz-pure`.*TGRAD_DOT=system"):
        svg_module.find_engine("system")
    with pytest.raises(viz.LayoutError, match=r"/no/such/dot was not found"):
        svg_module.find_engine("/no/such/dot")


def test_default_falls_back_to_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / ("dot.exe" if sys.platform == "win32" else "dot")
    shutil.copy(svg_module.find_engine("pure"), program)
    monkeypatch.delenv("TGRAD_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(svg_module, "_find_pure", lambda: None)
    assert svg_module.find_engine() == program


@needs_graphviz
def test_system_dot_draws_the_same_cards(program: Any, lib: ModuleType) -> None:
    graph = draw(program, lib)
    pure, system = (ElementTree.fromstring(graph.svg(engine=engine)) for engine in ("pure", "system"))

    assert texts(pure) == texts(system)


@pytest.mark.skipif(sys.platform == "win32", reason="writes a shell script")
def test_failing_engine_shows_its_message(lib: ModuleType, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho out of ink >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(viz.LayoutError, match="failed: out of ink"):
        simple(lib).svg(engine=str(program))


def test_layout_is_silent_and_leaves_graphviz_alone(lib: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    before = dot_command.DOT_BINARY
    x = lib.ones(2, requires_grad=True)
    viz.graph(x * 3, names={"変数 ∂": x}).svg()
    assert capfd.readouterr() == ("", "")
    assert before == dot_command.DOT_BINARY
