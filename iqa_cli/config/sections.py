"""The keys of a training config and what they mean: one frozen dataclass per section of the TOML file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, NewType

from iqa_cli.errors import ConfigError
from iqa_cli.stores.places import is_bucket

BucketUrl = NewType("BucketUrl", str)
"""A prefix of a bucket: `s3://bucket/prefix`, `gs://`, `az://`."""

CHECKPOINT_PREFIX = "checkpoint:"
"""How `pretrained` says that it means one of our checkpoints, and neither a tag nor a file of weights."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What is learned from: good photographs and the tone ladder, photographs of your own with labels, or both."""

    ladder: Path | None = None
    """A folder of good photographs without labels; the tone ladder makes the faults."""
    labels: Path | None = None
    """A label CSV of the photographs to learn from: `filename` (or `image`) and a column per label, levels from 0,
    blank or -1 where nobody looked, `2+` for "2 or worse". Beside a ladder they may be weak: one label known of
    each."""
    labelled_share: float | None = None
    """With `ladder` and `labels` both: the share of every batch that is labelled photographs. 0.25 if not given."""
    labelled_weight: str = ""
    """With both: a column of the label CSV with how often a photograph is drawn, compared with the others; empty draws
    all of them alike."""
    good_join: bool = False
    """With both: whether labelled photographs that have no problem at all also join the photographs of the ladder,
    whatever `select` would say of them: good pictures of the dark, the light and the flat are what it lacks."""
    apart_from: tuple[Path, ...] = ()
    """Folders of photographs that must not be learned from, such as those you will judge the model by. A photograph
    that shows a scene of theirs, found by content, ends the run before it begins."""
    images: BucketUrl | Path | None = None
    """Where the photographs of the label CSVs are, whose file names start from there: a folder, or a prefix of a bucket
    (`s3://`, `gs://`, `az://`). Goes with `labels`."""
    validation: Path | None = None
    """Label CSV of the photographs that choose the best epoch. Without it a `holdout` share of `labels` is taken."""
    test: Path | None = None
    """Label CSV of the photographs that are judged once, at the end, for the card."""
    scene: str = ""
    """Which labelled photographs are frames of one scene, spelled as for `iqa split --by`: `regex:PATTERN` on the name,
    `time:SECONDS` between shots, or `column:NAME`. They stay on one side when `holdout` is taken, and scenes on both
    sides are warned of. Empty takes a column `scene`, if there is one."""
    allow_shared: bool = False
    """Whether photographs on two sides are a warning, which every report of the model repeats, instead of an error:
    for figures that compare with those that others published of such a split. `--allow-shared` sets it."""
    weak_zeros: bool = False
    """Whether a 0 for training beside a found problem of another group leaves ordinary open, as PrISM has it: whoever
    wrote down the one may have passed over the other. A group is the labels that exclusions of the graph tie
    together."""
    min_positives: int = 0
    """Labels with fewer photographs for training that have the problem are hidden: unobserved on all sides. 100 in
    PrISM."""
    samples: int = 20_000
    """Pictures per epoch with `ladder`. Has no meaning with `labels` alone: an epoch sees every photograph once."""
    validation_samples: int = 2_000
    """Ladder pictures judged after each epoch, made from the photographs for validation once and kept in memory."""
    test_samples: int = 6_000
    """Ladder pictures judged at the end for the checkpoint's card, from photographs that chose no epoch either."""
    holdout: float = 0.15
    """Share of the photographs that training never sees. With `labels` they are for validation; with `ladder` one half
    is for validation and the other for the test, no scene in both."""
    select: bool = False
    """Whether photographs for the ladder whose own tone is doubtful are left out: large black areas, no black at all,
    burnt areas, a very light frame. As good renderings they would teach that such pictures have no fault."""
    workers: int = 0
    """Processes that draw the pictures of `ladder` while this one learns from them; 0 draws in this process. On a
    graphics card a few for each, as one draws some hundred small pictures a second. The pictures are the same whatever
    the number."""
    mirror: bool = True
    """Whether labelled photographs are mirrored at random; tone does not know left from right."""
    provenance: str = ""
    """Where the photographs come from and under which licences; copied into the card."""
    obtain: str = ""
    """What to do where the photographs are missing: said with the error, to whoever got the config without them."""

    def __post_init__(self) -> None:
        """At least one source, and what belongs to it."""
        problems = []
        if self.ladder is None and self.labels is None:
            problems.append("data: expected data.ladder or data.labels, neither is given")
        if self.labels is not None and self.images is None:
            problems.append("data.images: missing, the folder of the photographs in data.labels, or their bucket")
        if isinstance(self.images, str) and not is_bucket(self.images):
            problems.append(f"data.images: expected a Path or a bucket's URL, got {self.images!r}")
        problems += [
            f"data.{key}: goes with data.labels, not with data.ladder alone"
            for key in ("images", "validation", "test", "scene", "allow_shared", "weak_zeros", "min_positives")
            if self.labels is None and getattr(self, key)
        ]
        problems += [
            f"data.{key}: goes with data.ladder and data.labels together"
            for key in ("labelled_share", "labelled_weight", "good_join")
            if (self.labels is None or self.ladder is None) and getattr(self, key) not in (None, "", False)
        ]
        if self.min_positives and self.good_join:
            problems.append("data.min_positives: hides labels that good_join has to know: leave one of them out")
        if self.labelled_share is not None and not 0 < self.labelled_share < 1:
            problems.append(
                f"data.labelled_share: expected more than 0 and less than 1, got {self.labelled_share:g}; "
                "leave out the source that is not to be learned from"
            )
        if problems:
            raise ConfigError("data", problems=problems)


@dataclasses.dataclass(frozen=True)
class GraphConfig:
    """Which labels, and how they relate."""

    name: str = "smartphone-6"
    """A shipped graph's name or a path."""
    rules: bool = True
    """Whether the rules between labels hold. Without them every label is judged for itself (a softmax per label), which
    is what the CRF is measured against."""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What is trained."""

    backbone: str = "iqa-small"
    """Any open_clip architecture, or one of our own model configs."""
    pretrained: str | Literal[False] = False
    """An open_clip tag, a local weights file, `checkpoint:` and the name or folder of a checkpoint to go on from, or
    false for a start from nothing. Weights that were asked for are never replaced by random ones."""
    quick_gelu: bool | None = None
    """Whether the weights need the activation QuickGELU, as OpenAI's do. Asked for only with a weights file whose
    architecture exists with both activations, if nothing in it or beside it tells; a tag and a checkpoint know."""
    head: Literal["coop", "fc"] = "coop"
    """coop (v2): learned context before the label's words, through the text tower; fc (v1): one linear layer."""
    context_tokens: int = 4
    """M, learned context tokens of the coop head. 4 in the research as here; CoOp's authors used 16 as well."""
    context: Literal["generic", "per-label"] = "generic"
    """Whether all labels share the learned context of the coop head or each has its own (M times as many numbers)."""
    prompts: Literal["label", "level"] = "label"
    """What the coop head has a text for: each label, whose levels are then ordered cut points along one direction; or
    each label and level above the lowest ("too dark, severe"), each with a direction and a bias of its own, as in the
    research. Training cannot go on from or to the latter."""
    context_per_template: bool = False
    """Whether each template of the coop head learns a context of its own, as in the research."""
    templates: tuple[str, ...] = ("{}",)
    """Texts around the label's words, `{}` stands for them; the features of several are averaged."""
    start: Literal["random", "words"] = "random"
    """words: zero-shot start. fc begins with the text features of the label's words as weights, coop with the words of
    `start_words` as context, instead of random numbers. Only of use with pretrained weights."""
    start_words: str = "a photo that is"
    """What the context of the coop head starts from with start = "words"; shortened to or repeated up to M tokens."""
    train_visual: Literal["all", "none"] | int = "all"
    """How much of the visual tower learns: all, none, or the last N groups of layers (1 is what makes the features of
    the last block's output, projection or pooling; 2 adds the last block and the norm after it; each more a block).
    What does not learn stays as it is, batch statistics included. With none, the features of labelled photographs are
    computed once."""
    statistics: int | None = None
    """Width of a second, small path to the features that reads histograms of the full frame, which a narrow visual
    tower alone has to work for. 0 is none; left out it is as in the checkpoint that is gone on from, else none."""
    scene: str | None = None
    """A timm network whose early stages tell, beside the visual tower, what a picture shows: fog from a white wall.
    They do not learn; what reads from them does. Left out it is as in the checkpoint gone on from, else none."""
    scene_weights: Path | None = None
    """A file with that network's pretrained weights. Needed with `scene`, unless a checkpoint is gone on from."""
    scene_width: int | None = None
    """Width of the small network that reads from `scene`. Left out: as in the checkpoint gone on from, else 128."""
    mirror: bool = False
    """Whether the visual tower is kept blind to left and right, so that a mirrored photograph gets the same levels.
    For CLIP's residual networks that start from nothing. What `scene` sees is then taken from both sides."""
    views: Literal["one", "five", "nine"] | None = None
    """How a picture that is judged is looked at: one is whole, squashed to the input; five and nine look at so many
    crops of a larger square besides and take the mean of all scores: six and ten times the work, for problems of a
    part of the picture. Training batches stay whole pictures. Left out it is as in the checkpoint gone on from, else
    one."""
    train_text: bool = True
    """Whether the text tower of the coop head learns too. False is CoOp as published; true is needed when it starts
    from nothing."""
    temperature: bool = False
    """Whether a temperature for each label is fitted on the validation pictures at the end, so that probabilities are
    honest."""

    operating_point: Literal["likeliest", "kappa"] = "likeliest"
    """Which levels are named: the likeliest ones, or those that reach the highest weighted kappa on the validation
    pictures, for which a problem that is a little less likely than not is named too. Probabilities are the same."""

    def __post_init__(self) -> None:
        """Every template has one place for the words."""
        problems = [
            f"model.templates: {template!r} needs exactly one {{}}, the place of the label's words"
            for template in self.templates
            if template.count("{}") != 1
        ]
        if not self.templates:
            problems.append("model.templates: expected at least one")
        goes_on = isinstance(self.pretrained, str) and self.pretrained.startswith(CHECKPOINT_PREFIX)
        by_level = self.prompts == "level"
        if by_level and self.head != "coop":
            problems.append('model.prompts: "level" goes with head = "coop"')
        if by_level and goes_on:
            problems.append('model.prompts: "level" cannot go on from a checkpoint; give weights of a CLIP or a tag')
        if self.context_per_template and self.head != "coop":
            problems.append('model.context_per_template: goes with head = "coop"')
        if self.context == "per-label" and (by_level or self.context_per_template):
            key = 'prompts = "level"' if by_level else "context_per_template = true"
            problems.append(f'model.context: "per-label" does not go with {key}')
        if self.mirror and self.pretrained and not goes_on:
            problems.append("model.mirror: would change pretrained weights; leave it out")
        if self.statistics and self.train_visual == "none" and not goes_on:
            problems.append('model.statistics: with train_visual = "none" they would stay random; leave them out')
        if self.scene is not None and self.train_visual == "none" and not goes_on:
            problems.append('model.scene: with train_visual = "none" what reads it would stay random; leave it out')
        if self.scene is not None and self.scene_weights is None and not goes_on:
            problems.append("model.scene_weights: missing, the file of pretrained weights for model.scene")
        if self.scene is None and self.scene_weights is not None:
            problems.append("model.scene: missing, the timm network that model.scene_weights is for")
        if problems:
            raise ConfigError("model", problems=problems)


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What is minimised."""

    name: Literal["nll", "focal", "focal-fidelity"] = "nll"
    """nll: negative log-likelihood of the labels under the CRF. focal, focal-fidelity: on every threshold by itself,
    after Lin et al. (ICCV 2017) and the seed system; the rules between labels then act when levels are named."""
    gamma: float = 2.0
    """Focus of the focal losses on what is still wrong: 0 is none."""
    alpha: float = 0.75
    """Weight of thresholds that are reached, 1 - alpha of those that are not; for the focal losses. 0.8 in the
    research."""
    balance: Literal["none", "inverse", "effective"] = "none"
    """Weights against rare levels, counted over the training labels: by inverse frequency, or by the effective number
    of photographs (Cui et al., CVPR 2019). Mean 1."""

    def __post_init__(self) -> None:
        """A power below one has no gradient where a threshold is judged perfectly."""
        if 0 < self.gamma < 1:
            raise ConfigError(f"loss.gamma: expected 0, or 1 to 10, got {self.gamma:g}")


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """How it is minimised: AdamW, linear warm-up, cosine decay to zero."""

    lr_visual: float | None = None
    """Peak learning rate of the visual tower. Left out: 1e-5 for pretrained weights of an open_clip architecture, which
    one a hundred times greater destroys, else 1e-3."""
    lr_text: float | None = None
    """Peak learning rate of the text tower, where it learns. Left out: lr_visual for pretrained weights of an open_clip
    architecture, else lr_head."""
    lr_head: float = 2e-3
    """Peak learning rate of prompts and linear layer."""
    lr_scale: float | None = None
    """Peak learning rate of the scale that the coop head's cosines are multiplied by; lr_head if not given."""
    lr_thresholds: float | None = None
    """Peak learning rate of the ordinal cut points; lr_head if not given."""
    weight_decay: float = 0.02
    """Decoupled weight decay; not applied to biases, norms and thresholds."""
    epochs: int = 30
    """Passes over the data, at most. With `--resume` it may be another number than before: a finished run goes on to a
    greater one."""
    batch_size: int = 128
    """Pictures per forward pass (on each device)."""
    accumulate: int = 1
    """Batches whose gradients are added up for one step: batch_size x accumulate pictures a step."""
    warmup: float = 0.03
    """Share of all steps over which the learning rate rises from zero."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient."""
    patience: int = 0
    """Epochs without a better one, as `keep` has it, after which training stops; 0 never stops early."""


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Where it goes, and on what it runs."""

    out: Path
    """The checkpoint folder that is written: that of the best epoch; the last one's lies in `work`."""
    work: Path | None = None
    """Where the state for --resume and metrics.csv are kept; default: `out` with `-run` appended. `--out` puts it
    beside its own folder too, so that two runs of one config never share a state."""
    seed: int = 0
    """Makes a run on one machine repeatable, bit for bit on the CPU."""
    keep: Literal["best", "last"] = "best"
    """Which epoch becomes the checkpoint: the last, or the best by validation threshold AUC among those whose kappa is
    above 0. One that says the same of every photograph has a kappa of 0, however well its probabilities rank them."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the towers under autocast; scores are in float32 and the CRF in float64 always."""
    compile: bool = False
    """Whether the visual tower goes through torch.compile: minutes at the start, faster after on a GPU."""
    grad_checkpointing: bool = False
    """Whether what the blocks of a tower compute is computed again for the gradient instead of kept: the same
    gradients, about a third more time, and memory for larger batches."""
    tensorboard: bool = False
    """Whether figures are also written for TensorBoard, into `work`."""

    def __post_init__(self) -> None:
        """Refuse the root folder as a checkpoint: a checkpoint is called by its folder's name."""
        if not self.out.name:
            raise ConfigError(f"run.out: expected a folder with a name, got {str(self.out)!r}")

    def written_to(self, out: Path) -> RunConfig:
        """The same run with another checkpoint folder and its state beside that."""
        return dataclasses.replace(self, out=out, work=None)


def conflicts(data: DataConfig, graph: GraphConfig) -> list[str]:
    """What is right in each section alone, and wrong in both together."""
    if data.weak_zeros and not graph.rules:
        return ["data.weak_zeros: its groups are the exclusions of the graph, which [graph] rules = false leaves out"]
    return []


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A whole training config."""

    data: DataConfig
    run: RunConfig
    graph: GraphConfig = dataclasses.field(default_factory=GraphConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)

    def __post_init__(self) -> None:
        """What one section asks of another."""
        if problems := conflicts(self.data, self.graph):
            raise ConfigError("config", problems=problems)

    @property
    def work(self) -> Path:
        """The folder of the run's state."""
        return self.run.work or self.run.out.with_name(self.run.out.name + "-run")

    def as_document(self, relative_to: Path) -> dict[str, Any]:
        """Plain values for the card; a path outside the config's folder, and a bucket, is told by its last part."""

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: plain(entry) for key, entry in value.items()}
            if isinstance(value, tuple):
                return [plain(entry) for entry in value]
            if isinstance(value, str) and value.startswith(CHECKPOINT_PREFIX):
                return f"{CHECKPOINT_PREFIX}{plain(value.removeprefix(CHECKPOINT_PREFIX))}"
            if isinstance(value, Path | str) and Path(value).is_absolute():
                path = Path(value)
                return path.relative_to(relative_to).as_posix() if path.is_relative_to(relative_to) else path.name
            return value.as_posix() if isinstance(value, Path) else value

        document: dict[str, Any] = plain(dataclasses.asdict(self))
        if isinstance(self.data.images, str):
            document["data"]["images"] = self.data.images.rstrip("/").rpartition("/")[2]
        return document
