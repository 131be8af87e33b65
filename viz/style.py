"""One row per kind of card: colours for light and dark, the border, and the chip that says the kind in words.

Kinds are told apart without colour as well, by chip, border and corners.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    fill: str
    stroke: str
    dark_fill: str
    dark_stroke: str
    chip: str = ""
    border: str = "1"
    style: str = "ROUNDED"


_QUIET = ("#F6F8FA", "#57606A", "#22272E", "#9BA7B4")

LOOKS = {
    "param": Look("#DCEBFA", "#0A4FA0", "#0F2E4F", "#5AA9FF", "param", "1.5"),
    "leaf": Look("#D5F5EA", "#00876A", "#083D31", "#3FDDB4", "leaf ∂", "1.5"),
    "input": Look("#FFFFFF", "#7D8590", "#161B22", "#8B949E", "no grad"),
    "buffer": Look("#F0F1F3", "#57606A", "#2B3138", "#9BA7B4", "buffer", style=""),
    "op": Look(*_QUIET),
    "view": Look(*_QUIET, "view", style="ROUNDED,DASHED"),
    "inplace": Look("#FBE3EE", "#A0124F", "#4A0F2B", "#E8558F", "in-place", "1.5"),
    "custom": Look(*_QUIET, "Function", "1.5"),
    "saved": Look("#FFF3D1", "#8A6500", "#3D2F00", "#E3B341", "saved"),
    "output": Look("#24292F", "#24292F", "#E6EDF3", "#E6EDF3", "output", "1.5"),
}

TEXT, MUTED, DARK_TEXT, DARK_MUTED = "#1F2328", "#57606A", "#E6EDF3", "#9BA7B4"
PAGE, DARK_PAGE = "#FFFFFF", "#0D1117"
EDGE, DARK_EDGE = "#8C959F", "#768390"
CONST_EDGE = "#AFB8C1"


def stylesheet() -> str:
    """CSS for the SVG. Every rule starts at ``svg.tgrad``, so that it leaves a page around the picture alone."""
    dark = [
        f"{{background:{DARK_PAGE}}}",
        f" .graph>polygon,#a_graph0 polygon{{fill:{DARK_PAGE};stroke:none}}",
        f" .node text{{fill:{DARK_TEXT}}}",
        f' .node text[font-family^="Courier"],.node text[fill="{MUTED.lower()}"]{{fill:{DARK_MUTED}}}',
        ' .node text[font-size="9.00"]{fill:var(--s)}',
        f" .edge path,.edge polygon{{stroke:{DARK_EDGE}}}",
        f" .edge polygon{{fill:{DARK_EDGE}}}",
        ' .node path:not([stroke="none"]),.node polygon:not([stroke="none"]){stroke:var(--s)}',
        ' .node path:not([fill="none"]),.node polygon:not([fill="none"]){fill:var(--f)}',
        f" .node.output text[font-size]{{fill:{DARK_PAGE}}}",
        f" .edge.saved path{{stroke:{LOOKS['saved'].dark_stroke}}}",
    ]
    dark += [f" .{kind}{{--f:{look.dark_fill};--s:{look.dark_stroke}}}" for kind, look in LOOKS.items()]
    rules = [
        "svg.tgrad{color-scheme:light dark;max-width:100%;height:auto}",
        "svg.tgrad a{text-decoration:none}",
        "svg.tgrad .node:hover path,svg.tgrad .node:hover polygon,svg.tgrad .edge:hover path{stroke-width:2.5}",
        "@media (prefers-color-scheme:dark){",
        *(_scoped(rule) for rule in dark),
        "}",
    ]
    return "\n".join(rules)


def _scoped(rule: str) -> str:
    selectors, body = rule.split("{", 1)
    return (
        ",".join(
            "svg.tgrad" + (part if part.startswith(" ") or not part else " " + part) for part in selectors.split(",")
        )
        + "{"
        + body
    )
