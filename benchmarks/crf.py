"""What the CRF costs beside other exact ways to the same numbers, in one run, and how far the numbers lie apart.

    python benchmarks/crf.py [--seconds 0.5] [--threads 1] [--only exact|speed|compile|memory] [--skip-pyagrum]

Ours is `TorchCRF`; double precision is its default. The others, in the same precision:

states      all legal states of the graph as a 0/1 matrix M over thresholds, scores = nodes @ M.T; log-partition by
            logsumexp, marginals by softmax @ M, the best state by argmax
components  the same per connected component of the graph
pyAgrum     an independent library: Shafer-Shenoy inference on the same potentials, one photo at a time; building its
            model is left out of the time

Each figure is the best wall time of turns that alternate between the sides, so that other work on the machine hits all
alike; only the ratios mean something. "nll" is minus the partial log-likelihood with half of the labels unobserved and
its backward pass, "marginal loss" a squared error on the probabilities and its backward pass.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from agrum import Agrum

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.crf.torch_crf import TorchCRF
from iqa_cli.crf.unary import cumulative, unary_from_nodes
from iqa_cli.errors import GraphTooWideError
from iqa_cli.hexgraph import Exclusion, HexGraph, HexPlan, Label, Subsumption, compile_plan, read_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

LEVELS = (1, 2, 3, 4)


class StateMatrix:
    """The plain way: every legal state of a group of labels, scored by one matrix product."""

    def __init__(self, plan: HexPlan, labels: list[int], dtype: torch.dtype) -> None:
        positions = legal_positions(plan, labels)
        columns = []
        for k, label in enumerate(labels):
            thresholds = np.arange(1, plan.level_counts[label])
            columns.append(positions[:, k, None] >= thresholds)
        first = np.concatenate([[0], np.cumsum(plan.level_counts - 1)])
        self.nodes = torch.tensor(np.concatenate([np.arange(first[v], first[v + 1]) for v in labels]))
        self.matrix = torch.tensor(np.concatenate(columns, axis=1)).to(dtype)
        self.whole = len(self.nodes) == plan.n_nodes

    def scores(self, nodes: Tensor) -> Tensor:
        """(B, S) of (B, N)."""
        return (nodes if self.whole else nodes[:, self.nodes]) @ self.matrix.T


class Enumeration:
    """Exact inference by enumeration of the legal states, of the whole graph or of each component."""

    def __init__(self, plan: HexPlan, *, by_component: bool, dtype: torch.dtype) -> None:
        component = plan.layout.component
        groups = [np.flatnonzero(component == c).tolist() for c in range(component.max() + 1)]
        if not by_component:
            groups = [list(range(plan.n_labels))]
        self.parts = [StateMatrix(plan, group, dtype) for group in groups]
        order = torch.cat([part.nodes for part in self.parts])
        self.place = torch.argsort(order)
        self.in_order = len(groups) == 1

    def log_partition(self, nodes: Tensor) -> Tensor:
        """(B,)."""
        return torch.stack([torch.logsumexp(part.scores(nodes), 1) for part in self.parts]).sum(0)

    def marginals(self, nodes: Tensor) -> Tensor:
        """(B, N) probability of every threshold."""
        return self._joined([torch.softmax(part.scores(nodes), 1) @ part.matrix for part in self.parts])

    def both(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) log-partition and (B, N) marginals of the same scores."""
        scores = [part.scores(nodes) for part in self.parts]
        log_partition = torch.stack([torch.logsumexp(of_part, 1) for of_part in scores]).sum(0)
        shares = [torch.softmax(of_part, 1) @ part.matrix for of_part, part in zip(scores, self.parts, strict=True)]
        return log_partition, self._joined(shares)

    def best(self, nodes: Tensor) -> Tensor:
        """(B, N) thresholds of the best state."""
        return self._joined([part.matrix[part.scores(nodes).argmax(1)] for part in self.parts])

    def nll(self, nodes: Tensor, wrong: list[Tensor]) -> Tensor:
        """Mean over photos; wrong  per part (B, S), states that the evidence rules out."""
        total = nodes.new_zeros(len(nodes))
        for part, out in zip(self.parts, wrong, strict=True):
            scores = part.scores(nodes)
            total = total + torch.logsumexp(scores, 1) - torch.logsumexp(scores.masked_fill(out, -1e30), 1)
        return total.mean()

    def ruled_out(self, on: Tensor, off: Tensor) -> list[Tensor]:
        """Per part (B, S) of (B, N) thresholds known to be on, known to be off."""
        return [
            (on[:, p.nodes].to(p.matrix.dtype) @ (1 - p.matrix).T + off[:, p.nodes].to(p.matrix.dtype) @ p.matrix.T) > 0
            for p in self.parts
        ]

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return parts[0] if self.in_order else torch.cat(parts, 1)[:, self.place]


def legal_positions(plan: HexPlan, labels: list[int]) -> np.ndarray:
    """(S, labels) every assignment of some labels that breaks none of the rules among them."""
    forbidden = {}
    for one, other in plan.forbidden.tolist():
        pair = int(plan.cell_label[one]), int(plan.cell_label[other])
        table = forbidden.setdefault(pair, np.zeros(plan.level_counts[list(pair)], dtype=bool))
        table[one - plan.cell_start[pair[0]], other - plan.cell_start[pair[1]]] = True
    states = np.zeros((1, 0), dtype=np.int64)
    for k, label in enumerate(labels):
        count = int(plan.level_counts[label])
        wider = np.column_stack([np.repeat(states, count, axis=0), np.tile(np.arange(count), len(states))])
        bad = np.zeros(len(wider), dtype=bool)
        for j, earlier in enumerate(labels[:k]):
            if (earlier, label) in forbidden:
                bad |= forbidden[earlier, label][wider[:, j], wider[:, k]]
        states = wider[~bad]
    return states


def random_tree(n_labels: int, seed: int = 0) -> HexGraph:
    """Labels of four levels on a random tree of exclusions and subsumptions."""
    rng = np.random.default_rng(seed)
    exclusions, subsumptions = [], []
    for child in range(1, n_labels):
        parent = int(rng.integers(max(0, child - 50), child))
        if rng.random() < 0.5:
            exclusions.append(Exclusion(f"l{parent}", (3, 4), f"l{child}", LEVELS[int(rng.integers(1, 3)) :]))
        else:
            subsumptions.append(Subsumption(f"l{parent}", f"l{child}", ((3, 2), (4, 3))))
    labels = tuple(Label(f"l{v}", LEVELS) for v in range(n_labels))
    return HexGraph("tree", labels, exclusions=tuple(exclusions), subsumptions=tuple(subsumptions))


def chain(n_labels: int) -> HexGraph:
    """Labels in a row, each excluding much of the next."""
    rules = tuple(Exclusion(f"l{v}", (2, 3, 4), f"l{v + 1}", (3, 4)) for v in range(n_labels - 1))
    return HexGraph("chain", tuple(Label(f"l{v}", LEVELS) for v in range(n_labels)), exclusions=rules)


def grid(rows: int, columns: int) -> HexGraph:
    """Labels in a rectangle; neighbours are not both at the worst level."""
    rules = [
        Exclusion(f"r{r}c{c}", (3,), f"r{r + down}c{c + right}", (3,))
        for r, c, (down, right) in itertools.product(range(rows), range(columns), ((1, 0), (0, 1)))
        if r + down < rows and c + right < columns
    ]
    labels = tuple(Label(f"r{r}c{c}", (1, 2, 3)) for r, c in itertools.product(range(rows), range(columns)))
    return HexGraph("grid", labels, exclusions=tuple(rules))


def race(sides: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Best wall seconds of each side over rounds that alternate between them."""
    best = dict.fromkeys(sides, float("inf"))
    for run in sides.values():
        run()
    until = time.perf_counter() + seconds * len(sides)
    rounds = 0
    while time.perf_counter() < until or rounds < 3:
        for name, run in sides.items():
            turn = time.perf_counter() + 0.02
            while True:  # a turn of some runs: the first finds the caches full of the other side's numbers
                started = time.perf_counter()
                run()
                now = time.perf_counter()
                best[name] = min(best[name], now - started)
                if now > turn:
                    break
        rounds += 1
    return best


@dataclasses.dataclass(frozen=True)
class Problem:
    """One graph and batch, ready for both sides."""

    plan: HexPlan
    nodes: Tensor
    """(B, N) scores of thresholds, double precision."""
    unary: Tensor
    """(B, C) the same as potentials of levels."""
    allowed: Tensor
    """(B, C) evidence: half of the labels of a legal assignment."""
    target: Tensor
    """(B, N) what the marginal loss compares with."""

    @classmethod
    def draw(cls, plan: HexPlan, batch: int) -> Problem:
        """Random scores and evidence that is legal."""
        rng = np.random.default_rng(0)
        nodes = rng.normal(size=(batch, plan.n_nodes)) * 2
        unary = unary_from_nodes(nodes, plan)
        cells = NumpyCRF(plan).sample(unary, rng) + plan.cell_start
        on = np.zeros(unary.shape, dtype=bool)
        np.put_along_axis(on, cells, values=True, axis=1)
        unseen = rng.random((batch, plan.n_labels)) < 0.5
        allowed = on | unseen[:, plan.cell_label]
        target = cumulative(on.astype(float), plan)
        return cls(plan, *(torch.tensor(array) for array in (nodes, unary, allowed, target)))

    def evidence(self) -> tuple[Tensor, Tensor]:
        """(B, N) thresholds known to be on, and known to be off."""
        allowed = self.allowed.numpy()
        ruled_out = cumulative((~allowed).astype(float), self.plan)  # levels from each threshold up that are ruled out
        left = cumulative(allowed.astype(float), self.plan)
        n_ruled_out = np.add.reduceat(~allowed, self.plan.cell_start, axis=1, dtype=np.intp)
        n_levels = self.plan.level_counts
        label = np.repeat(np.arange(self.plan.n_labels), n_levels - 1)
        below = np.concatenate([np.arange(1, count) for count in n_levels])  # levels below each threshold
        return torch.tensor(n_ruled_out[:, label] - ruled_out == below), torch.tensor(left == 0)


def ours(crf: TorchCRF, problem: Problem) -> dict[str, Callable[[], object]]:
    """What is timed of our side."""
    unary = problem.unary.to(crf.dtype)
    leaf = unary.clone().requires_grad_()
    wanted = unary_from_nodes(problem.target, problem.plan).to(crf.dtype)  # any fixed (B, C) numbers
    return {
        "log Z, marginals": quiet(crf.log_partition_and_marginals, unary),
        "nll": backward(lambda given: -crf.partial_log_prob(given, problem.allowed).mean(), leaf),
        "marginal loss": backward(lambda given: (crf.marginals(given) - wanted).square().mean(), leaf),
        "MAP": quiet(crf.map, unary),
    }


def theirs(way: Enumeration, problem: Problem, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """The same of enumeration."""
    nodes, target = problem.nodes.to(dtype), problem.target.to(dtype)
    leaf = nodes.clone().requires_grad_()
    wrong = way.ruled_out(*problem.evidence())
    return {
        "log Z, marginals": quiet(way.both, nodes),
        "nll": backward(lambda given: way.nll(given, wrong), leaf),
        "marginal loss": backward(lambda given: (way.marginals(given) - target).square().mean(), leaf),
        "MAP": quiet(way.best, nodes),
    }


def quiet(run: Callable[[Tensor], object], given: Tensor) -> Callable[[], object]:
    """A run without gradients."""
    return torch.no_grad()(lambda: run(given))


def backward(loss: Callable[[Tensor], Tensor], leaf: Tensor) -> Callable[[], object]:
    """A loss and its gradient."""

    def run() -> object:
        leaf.grad = None
        loss(leaf).backward()
        return leaf.grad

    return run


def row(*cells: object) -> None:
    """One line of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def speed(name: str, plan: HexPlan, batches: tuple[int, ...], *, by_component: bool, seconds: float) -> None:
    """Race against enumeration, in both precisions."""
    way = "components" if by_component else "states"
    for batch, dtype in itertools.product(batches, (torch.float64, torch.float32)):
        problem = Problem.draw(plan, batch)
        runs = ours(TorchCRF(plan, dtype), problem)
        rivals = theirs(Enumeration(plan, by_component=by_component, dtype=dtype), problem, dtype)
        for what, run in runs.items():
            best = race({"ours": run, "theirs": rivals[what]}, seconds)
            row(
                name,
                batch,
                what,
                str(dtype)[6:],
                way,
                f"{best['ours'] * 1e3:.3f}",
                f"{best['theirs'] * 1e3:.3f}",
                f"{best['theirs'] / best['ours']:.1f}",
            )


def speed_agrum(name: str, plan: HexPlan, seconds: float) -> None:
    """Race against pyAgrum, per photo."""
    problem = Problem.draw(plan, 256)
    crf, other = TorchCRF(plan), Agrum(plan)
    other.load(problem.unary[0].numpy())
    for batch in (1, 256):
        best = race({"ours": lambda n=batch: crf.marginals(problem.unary[:n]), "theirs": other.run}, seconds)
        mine, other_ms = best["ours"] / batch, f"{best['theirs'] * 1e3:.3f}"
        ratio = f"{best['theirs'] / mine:.0f}"
        row(name, batch, "marginals, per photo", "float64", "pyAgrum", f"{mine * 1e3:.4f}", other_ms, ratio)


def speed_executors(name: str, plan: HexPlan, seconds: float) -> None:
    """The executors beside each other."""
    sides = {
        "numpy": NumpyCRF(plan).marginals,
        "numpy, float32": NumpyCRF(plan, np.float32).marginals,
        "torch": TorchCRF(plan).marginals,
        "torch, its own kernel": TorchCRF(plan, kernel="torch").marginals,
    }
    for batch in (1, 256):
        unary = Problem.draw(plan, batch).unary
        inputs = {key: unary if key.startswith("torch") else unary.numpy() for key in sides}
        best = race({key: functools.partial(run, inputs[key]) for key, run in sides.items()}, seconds)
        row(name, batch, *(f"{value * 1e3:.3f}" for value in best.values()))


def compile_times() -> None:
    """CPU milliseconds to compile, best of five (of two for the large ones)."""
    graphs = {
        "smartphone-6": (read_graph(Path("hex_graphs/smartphone-6.json")), 5),
        "smartphone-12": (read_graph(Path("hex_graphs/smartphone-12.json")), 5),
        "prism-53": (read_graph(Path("hex_graphs/prism-53.json")), 5),
        "tree of 1000 labels": (random_tree(1000), 2),
        "chain of 1000 labels": (chain(1000), 2),
        "10 x 20 grid": (grid(10, 20), 2),
        "31 x 32 grid": (grid(31, 32), 2),
        "tree of 100,000 labels": (random_tree(100_000), 1),
        "100,000 labels, no rule": (HexGraph("loose", tuple(Label(f"l{v}", LEVELS) for v in range(100_000))), 1),
    }
    for name, (graph, rounds) in graphs.items():
        best, said = float("inf"), ""
        for _ in range(rounds):
            fresh = dataclasses.replace(graph)
            started = time.process_time()
            try:
                stats = compile_plan(fresh).stats
                said = f"{stats.total_states:,} states, width {stats.treewidth}, depth {stats.depth}"
            except GraphTooWideError as error:
                said = f"refused, {len(error.labels)} labels together"
            best = min(best, time.process_time() - started)
        row(name, f"{best * 1e3:.1f}", said)


def exactness(plans: dict[str, HexPlan], *, agrum: bool) -> None:
    """Worst differences over photos, in double precision where nothing else is said."""
    for name, plan in plans.items():
        problem = Problem.draw(plan, 8)
        way = Enumeration(plan, by_component=plan.n_legal_states > 1e6, dtype=torch.float64)
        crf, twin = TorchCRF(plan), NumpyCRF(plan)
        unary, nodes = problem.unary, problem.nodes
        found = crf.marginals(unary)
        wrong = way.ruled_out(*problem.evidence())
        losses = {}
        for key in ("ours", "theirs"):
            leaf = nodes.clone().requires_grad_()
            mine = unary_from_nodes(leaf, plan)
            loss = -crf.partial_log_prob(mine, problem.allowed).mean() if key == "ours" else way.nll(leaf, wrong)
            thresholds = cumulative(crf.marginals(mine), plan) if key == "ours" else way.marginals(leaf)
            curved = (thresholds - problem.target).square().sum()
            losses[key] = (
                loss.detach(),
                torch.autograd.grad(loss, leaf, retain_graph=True)[0],
                torch.autograd.grad(curved, leaf)[0],
            )
        best = cumulative(twin.infer(unary.numpy()).marginals * 0 + on_cells(plan, crf.map(unary)[1]), plan)
        differences = {
            "log-partition": crf.log_partition(unary) - way.log_partition(nodes),
            "marginals": cumulative(found, plan) - way.marginals(nodes),
            "nll": losses["ours"][0] - losses["theirs"][0],
            "its gradient": losses["ours"][1] - losses["theirs"][1],
            "gradient of a marginal loss": losses["ours"][2] - losses["theirs"][2],
            "MAP score": (torch.tensor(best) * nodes).sum(1) - (way.best(nodes) * nodes).sum(1),
            "numpy against torch's own kernel": torch.tensor(twin.marginals(unary.numpy()))
            - TorchCRF(plan, kernel="torch").marginals(unary),
        }
        for what, difference in differences.items():
            row(name, what, f"{float(difference.detach().abs().max()):.1e}")
    if agrum:
        for name, plan in {
            "prism-53": plans["prism-53"],
            "tree of 1000 labels": compile_plan(random_tree(1000)),
        }.items():
            unary, other = Problem.draw(plan, 2).unary.numpy(), Agrum(plan)
            worst = 0.0
            for photo, found in zip(unary, NumpyCRF(plan).marginals(unary), strict=True):
                other.load(photo)
                other.run()
                worst = max(worst, float(np.abs(other.marginals() - found).max()))
            row(name, "marginals, against pyAgrum", f"{worst:.1e}")
    plan = compile_plan(chain(1000))
    unary = Problem.draw(plan, 8).unary.numpy().astype(np.float32)
    worst = np.abs(NumpyCRF(plan, np.float32).marginals(unary) - NumpyCRF(plan).marginals(unary)).max()
    row("chain of 1000 labels", "marginals, single precision", f"{worst:.1e}")


def on_cells(plan: HexPlan, positions: Tensor) -> np.ndarray:
    """(B, C) 1 where an assignment (B, L) has its level."""
    on = np.zeros((len(positions), plan.n_cells))
    np.put_along_axis(on, plan.cell_start + positions.numpy(), 1.0, axis=1)
    return on


def memory(side: str) -> None:
    """Print by how many MB a marginal loss with backward on prism-53, 4096 photos, raises the peak of this process."""
    plan = compile_plan(read_graph(Path("hex_graphs/prism-53.json")))
    small, large = Problem.draw(plan, 8), Problem.draw(plan, 4096)

    def run(problem: Problem) -> Callable[[], object]:
        if side == "ours":
            return ours(TorchCRF(plan), problem)["marginal loss"]
        way = Enumeration(plan, by_component=True, dtype=torch.float64)
        return theirs(way, problem, torch.float64)["marginal loss"]

    run(small)()
    act = run(large)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before = peak()
    act()
    print((peak() - before) / 1024)


def peak() -> int:
    """Most memory this process has held, kB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="the CRF beside enumeration and pyAgrum")
    parser.add_argument("--seconds", type=float, default=0.5, help="per figure and side")
    parser.add_argument("--threads", type=int, default=1, help="of torch, for both sides; our kernels on a CPU use one")
    parser.add_argument("--skip-pyagrum", action="store_true")
    parser.add_argument("--only", choices=("exact", "speed", "compile", "memory"))
    parser.add_argument("--memory", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        memory(arguments.memory)
        return
    names = ("smartphone-6", "smartphone-12", "prism-53")
    plans = {name: compile_plan(read_graph(Path(f"hex_graphs/{name}.json"))) for name in names}
    agrum = not arguments.skip_pyagrum
    wanted = [arguments.only] if arguments.only else ["exact", "compile", "memory", "speed"]
    if "exact" in wanted:
        print("\n| graph | worst difference of | |\n|---|---|---|")
        exactness(plans, agrum=agrum)
    if "compile" in wanted:
        print("\n| compile | CPU ms | |\n|---|---|---|")
        compile_times()
    if "memory" in wanted:
        print("\n| peak extra MB, prism-53, B = 4096, marginal loss with backward | |\n|---|---|")
        for side in ("ours", "theirs"):
            command = [sys.executable, __file__, "--memory", side]
            row(side, f"{float(subprocess.run(command, check=True, capture_output=True, text=True).stdout):.0f}")
    if "speed" in wanted:
        print(f"\nms, {arguments.threads} thread(s)\n")
        print("| graph | B | | precision | against | ours | theirs | ratio |\n|---|---|---|---|---|---|---|---|")
        seconds = arguments.seconds
        speed("smartphone-6", plans["smartphone-6"], (1, 256, 4096), by_component=False, seconds=seconds)
        speed("smartphone-12", plans["smartphone-12"], (1, 256), by_component=False, seconds=seconds)
        speed("prism-53", plans["prism-53"], (1, 256, 4096), by_component=True, seconds=seconds)
        if agrum:
            speed_agrum("prism-53", plans["prism-53"], seconds)
        print("\n| marginals, ms | B | numpy | numpy, float32 | torch | torch, its own kernel |")
        print("|---|---|---|---|---|---|")
        for name, plan in plans.items():
            speed_executors(name, plan, seconds)


if __name__ == "__main__":
    main()
