"""A checkpoint's card as a page for people: the `card.md` that `iqa train` writes beside `card.json`.

Everything on it comes from the card. Nothing reads it back: what counts is `card.json`.

    python -m iqa_cli.report.checkpoint.card_page FOLDER    writes the page of a checkpoint anew
"""

from __future__ import annotations

import importlib.resources
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from iqa_cli.checkpoint import CARD_PAGE, CONVERTED, PAGE_MARK, PREVIEW, caveats_of, load_checkpoint
from iqa_cli.findings import in_percent
from iqa_cli.hexgraph.read import parse_graph
from iqa_cli.report.checkpoint.views import several_views
from iqa_cli.report.text import shown, utf8
from iqa_cli.wording import counted
from iqa_cli.writing import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.hexgraph.graph import HexGraph

_MOST_RULES = 20
"""That are told one by one."""
_FEW = 100
"""Pictures at a level: with fewer the figures of the level say little."""
_MEANT_IN_MARKDOWN = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")


_BEGINS_A_BLOCK = re.compile(r"(?<!\S)#|\A[-+](?=[-+\s]|\Z)|\A=")
"""A heading or a list, at the beginning of a line; `#` ends a heading too."""
_NUMBER = re.compile(r"\A(\d+)([.)])(?=\s|\Z)")
"""Of a list."""


class _Ready(str):
    """Text that is Markdown already."""

    __slots__ = ()


def card_page(card: Mapping[str, Any]) -> str:
    """The page of a card, in Markdown.

    card    as `iqa train` writes it; figures, data and training may be missing
    raises  GraphError  if its graph is none
    """
    graph = parse_graph(card["graph"], source="graph")
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - Markdown, made safe by `finalize`
        finalize=_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    source = importlib.resources.files(__package__).joinpath("card.md.j2").read_text(encoding="utf-8")
    text = environment.from_string(source).render(_context(card, graph))
    return re.sub(r"\n{3,}", "\n\n", text)


def _context(card: Mapping[str, Any], graph: HexGraph) -> dict[str, Any]:
    parts = [_part(name, entry, graph) for name, entry in card.get("metrics", {}).items()]
    rules = list(_rules(graph))
    data = card.get("data", {})
    name = card.get("name") or "unnamed"
    return {
        "mark": _Ready(PAGE_MARK),
        "name": name,
        "folder": _Ready(shlex.quote(f"path/to/{shown(utf8(name))}")),
        "problems": counted(len(graph.labels), "problem"),
        "labels": [
            {
                "code": _code(label.name),
                "name": label.display("en"),
                "levels": ", ".join(f"{level} {graph.level_name(level, 'en')}" for level in label.levels),
            }
            for label in graph.labels
        ],
        "graph_name": graph.name,
        "graph_hash": _Ready(graph.hash[:12]),
        "rules": rules[:_MOST_RULES],
        "more_rules": max(0, len(rules) - _MOST_RULES),
        "data": list(_data(data)),
        "provenance": data.get("provenance") or "none given.",
        "caveats": caveats_of(card),
        "parts": parts,
        "limits": list(_limits(card, graph)),
        "made": list(_made(card)),
        "config": _config(card.get("training", {}).get("config", {})),
    }


_NOTHING = _Ready("-")
"""In the cell of a table, where it begins no list."""


def _rules(graph: HexGraph) -> Iterator[str]:
    """The rules between two labels, in words."""

    def name(label: str) -> str:
        return graph.labels[graph.index(label)].display("en")

    def said(label: str, levels: Sequence[int]) -> str:
        if tuple(levels) == graph.labels[graph.index(label)].levels[1:]:
            return name(label)
        return f"{name(label)} ({', '.join(graph.level_name(level, 'en') for level in levels)})"

    for rule in graph.exclusions:
        yield f"{said(rule.label_a, rule.a_levels)} and {said(rule.label_b, rule.b_levels)} never come together"
    for implied in graph.subsumptions:
        if implied.label_a == implied.label_b:
            continue
        for level, least in implied.map:
            worse = f"{name(implied.label_a)} at {graph.level_name(level, 'en')} or worse"
            yield f"{worse} means {name(implied.label_b)} at {graph.level_name(least, 'en')} or worse"


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    """What was learned from and held out."""
    yield f"Kind: {data.get('kind', 'not told')}"
    photographs = data.get("photographs")
    if isinstance(photographs, int):
        sides = [
            f"{counts} {use}"
            for counts, use in (
                (data.get("photographs_training"), "to train"),
                (len(data.get("validation", ())), "to choose and calibrate"),
                (len(data.get("test", ())), "to test"),
            )
            if counts
        ]
        yield f"Tone ladder: {photographs:,} photographs whose tone was changed by rule: {', '.join(sides)}"
    by_side = photographs if isinstance(photographs, dict) else data.get("labelled", {}).get("photographs", {})
    if by_side:
        told = ", ".join(f"{count:,} for {side}" for side, count in by_side.items())
        yield f"Photographs with labels: {told}"
    hidden = data.get("hidden_labels")
    if hidden:
        told = ", ".join(f"{name} ({count:,})" for name, count in hidden.items())
        yield f"Labels hidden in these photographs, with how many had the problem: {told}"


def _part(name: str, entry: Mapping[str, Any], graph: HexGraph) -> dict[str, Any]:
    rows = []
    for label in graph.labels:
        figures = entry["labels"].get(label.name)
        if figures is None:
            continue
        rows.append(
            {
                "name": label.display("en"),
                "n": f"{figures['n']:,}",
                "positives": f"{sum(figures['positives'][1:]):,}",
                "accuracy": _share(figures["accuracy"]),
                "constant": _share(figures["accuracy_constant"]),
                "kappa": _number(figures["qwk"]),
                "auc": _number(figures["tauc"]),
                "missed": _share(figures["miss_rate"]),
                "accused": _share(figures["false_alarm_rate"]),
                "ece": _number(figures["ece"]),
            }
        )
    return {"name": name, "pictures": f"{entry['pictures']:,}", "what": entry["what"], "rows": rows}


def _limits(card: Mapping[str, Any], graph: HexGraph) -> Iterator[str]:
    yield from caveats_of(card)
    preparation = card["preprocessing"]
    size, several = preparation["size"], several_views(preparation)
    seen = "pictures of" if several else "a whole photo at"
    yield f"It sees {seen} {size} x {size} pixels{several and f' ({several})'}, and knows only the labels above."
    if "ladder" in card.get("data", {}).get("kind", ""):
        yield "The figures are, in part or all, on photographs whose tone was changed by rule: real faults vary more."
    own = "The figures are the maker's own. " if card.get("metrics") else ""
    yield _Ready(f"{own}How good it is on your photos, `iqa eval` tells, if they have labels.")
    if CONVERTED in card:
        yield f"It was converted. Pictures: {card[CONVERTED]['pictures']}. Figures: {card[CONVERTED]['metrics']}."
    metrics = card.get("metrics", {})
    part = "test" if "test" in metrics else next(iter(metrics), None)
    if part is None:
        return
    figures = {
        label: metrics[part]["labels"][label.name] for label in graph.labels if label.name in metrics[part]["labels"]
    }
    known = {label: entry["qwk"] for label, entry in figures.items() if entry["qwk"] is not None}
    if known:
        weakest = min(known, key=lambda label: known[label])
        missed = _share(figures[weakest]["miss_rate"])
        yield f"Weakest on {part}: {weakest.display('en')} (kappa {_number(known[weakest])}, {missed} missed)."
    few = [
        f"{label.display('en')} {graph.level_name(level, 'en')} {count}"
        for label, entry in figures.items()
        for level, count in zip(label.levels, entry["positives"], strict=True)
        if count < _FEW
    ]
    if few:
        yield f"Fewer than {_FEW} pictures on {part}, so that figures say little: {', '.join(few)}."


def _made(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    model, training = card.get("model", {}), card.get("training", {})
    preparation = card["preprocessing"]
    yield "when, by", f"{card.get('created', 'not told')}, iqa {card.get('iqa_version', 'not told')}"
    if "torch" in training:
        yield "torch", str(training["torch"])
    if "backbone" in model:
        beside = [f"scene network {model['scene']}"] if model.get("scene") else []
        beside += ["histograms"] if model.get("statistics") else []
        yield "model", ", ".join([f"{model['backbone']}, head {model.get('head', 'not told')}", *beside])
    if "parameters" in model:
        yield "parameters", f"{model['parameters']:,}"
    converted = card.get(CONVERTED, {})
    if converted:
        epoch = f", epoch {converted['epoch']}" if converted.get("epoch") is not None else ""
        yield "converted", f"from {converted['from']}{epoch}: {converted['file']}, SHA-256 {converted['sha256']}"
        yield "labels in that file", ", ".join(converted["labels_in_file"])
    several = several_views(preparation)
    yield "input", f"{preparation['size']} x {preparation['size']} pixels, {preparation['interpolation']}"
    if several:
        yield "views", several
    if "epoch" in training:
        stopped = f"; ended early: {training['stopped']}" if "stopped" in training else ""
        yield "epoch", f"{training['epoch']} of {training['epochs']}{stopped}"
    seed = training.get("config", {}).get("run", {}).get("seed")
    if seed is not None:
        yield "seed", str(seed)
    moved = {label: value for label, value in card.get("operating_point", {}).items() if value}
    if moved:
        yield "operating point", ", ".join(f"{label} {value:+g}" for label, value in moved.items())
    margins = card.get(PREVIEW, {}).get("margins", {})
    if margins:
        yield "margins of previews", ", ".join(f"{label} {value:g}" for label, value in margins.items())


def _config(config: Mapping[str, Mapping[str, Any]]) -> _Ready:
    """The sections as TOML; what the page tells elsewhere is left out."""
    sections = []
    for name, section in config.items():
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in section.items()
            if value is not None and key != "provenance"
        ]
        sections.append("\n".join([f"[{name}]", *lines]))
    return _Ready("".join(map(_in_block, "\n\n".join(sections))))


def _in_block(character: str) -> str:
    """As it is, or as TOML spells it where it would end the block or could not be seen."""
    if character == "\n" or (character.isprintable() and character != "`"):
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else in_percent(value)


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.3f}"


def _code(text: str) -> _Ready:
    """A name within a code span or block, where nothing but a backtick and a line's end means anything."""
    return _Ready(shown(utf8(text)).replace("`", "'").replace("|", "\\|"))


def _markdown(value: object) -> str:
    """What a template puts in: text of the card that can begin no markup, no HTML and no line."""
    if isinstance(value, _Ready):
        return value
    text = _MEANT_IN_MARKDOWN.sub(lambda found: f"\\{found[0]}", shown(utf8(str(value))).strip())
    text = _NUMBER.sub(r"\1\\\2", text)
    return _BEGINS_A_BLOCK.sub(lambda found: f"\\{found[0]}", text)


if __name__ == "__main__":
    checkpoint = load_checkpoint(Path(sys.argv[1]))
    write_atomically(checkpoint.folder / CARD_PAGE, card_page(checkpoint.card).encode())
