"""`compare`: documents in, a comparison out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granular_lm.comparison.assembly import assemble
from granular_lm.comparison.job import Measures
from granular_lm.comparison.launch import Launch, Watcher
from granular_lm.comparison.parts import PARTS, split_parts
from granular_lm.comparison.plan import Plan
from granular_lm.comparison.results import Comparison
from granular_lm.comparison.run import Run
from granular_lm.comparison.workspace import finished_jobs, open_workspace, refuse_foreign, refuse_other
from granular_lm.errors import OptionError

if TYPE_CHECKING:
    from granular_lm.training import TrainingOptions
    from granular_lm.training.options import Callback


def compare(
    documents: Iterable[str],
    codecs: str | Sequence[str] = ("byte", "char", "spm"),
    *,
    valid: Iterable[str] | None = None,
    test: Iterable[str] | None = None,
    match: str = "data",
    seeds: int = 1,
    sizes: Sequence[int] | None = None,
    max_time: float | None = None,
    epochs: float | None = None,
    max_bytes: int | None = None,
    preset: str = "auto",
    network: Mapping[str, Any] | None = None,
    options: "TrainingOptions | None" = None,
    trials: int = 0,
    prove: bool = False,
    marginal: int = 0,
    launch: Launch | None = None,
    merge: Sequence[str | Path] = (),
    output: str | Path | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_step: "Callback | None" = None,
) -> Comparison:
    """Compare codecs on the same documents: train models with each, and score the same held-out documents once.

    Exact duplicates are dropped, then 5 % of the documents are held out to choose weights and 5 % for the test,
    near-duplicates always on one side. Codecs are trained on the training documents alone. A codec that does not give
    a document back as it was is left out, and a job that fails leaves the others alone: see `Comparison.failures`.

    Args:
        documents: The corpus, or the training documents if the other parts are given.
        codecs: Names with options if wanted, such as ``"spm:vocab_size=512"``; as one string, separated by commas.
        valid: Development documents, instead of some that are held out.
        test: Test documents, instead of some that are held out.
        match: What is held equal: ``"data"`` (documents, their order, how many share an update, the bytes read, width
            and depth), ``"params"`` (all parameters within 1 %; the width is solved), ``"flops"`` (FLOPs of training
            for each byte within 1 %, too) or ``"time"`` (seconds).
        seeds: How many times each codec is trained, each with another start and order.
        sizes: Widths of the LSTM; every codec is trained at each of them. The embedding grows with the width.
        max_time: Budget in seconds for each job. Unless seconds are held equal, the slowest codec is timed, and all
            read as much as it can.
        epochs: Budget in passes over the training documents.
        max_bytes: Budget in bytes read by each job. With none of the three, 60 seconds a job.
        preset: A network shape, one of `granular_lm.weights.PRESETS`, or ``"auto"``: ``"small"``, with the dropout, the
            weight decay and Muon's learning rate that suit what is read, the same for all codecs.
        network: Changes to single values of that shape.
        options: Learning rate, batch size and the like; its seed is replaced by 0 to ``seeds - 1``, and ``patience``
            is refused.
        trials: How many settings of learning rate and dropout each codec tries, on the development documents, with the
            budget of a job each.
        prove: Compress the test documents with each model, decompress them, and compare.
        marginal: Sum over this many tokenisations of each test document: a tighter bound than the canonical one.
        launch: Where jobs run, and how many at once; in this process one after another, if not given. With a shard,
            the comparison is that of its jobs alone.
        merge: Folders of shards of this comparison, whose jobs are taken over.
        output: Folder for the results, the report and the jobs; jobs that are done there already are not run again.
        on_stage: Told in a few words what is being done.
        on_step: Called after each training update of a job that runs in this process, as by `train`.

    Raises:
        CodecError: No codec gives these documents back as they were.
        CorpusError: There is too little text, or two parts share documents.
        OptionError: An option is out of range, or excludes another.
        OutputExistsError: The output folder holds something that is not a comparison, or one of other documents or
            with another ``match``.
        TrainingError: Not one job came to its end.
    """
    plan = Plan.of(
        codecs,
        match=match,
        seeds=seeds,
        sizes=sizes,
        budget={"max_time": max_time, "epochs": epochs, "max_bytes": max_bytes},
        preset=preset,
        network=network,
        options=options,
        trials=trials,
        measures=Measures(prove=prove, marginal=marginal),
    )
    launch = launch or Launch()
    _refuse_contradictions(plan, launch)
    if output is not None:
        refuse_foreign(Path(output))
    merged = {Path(folder): finished_jobs(Path(folder)) for folder in merge}
    on_stage("reading and splitting the documents")
    split, data = split_parts(documents, valid, test)
    if output is not None:
        refuse_other(Path(output), match, {part: data[part]["sha256"] for part in PARTS})
    with open_workspace(output) as workspace:
        run = Run(plan, split, data, workspace, launch, Watcher(on_stage, on_step), merged=merged)
        run.train_codecs()
        results = run.run(run.tuned(run.first_jobs()))
        on_stage("comparing")
        comparison = assemble(run, results)
        if output is not None:
            on_stage("writing the report")
            comparison.write(workspace.folder)
    return comparison


def _refuse_contradictions(plan: Plan, launch: Launch) -> None:
    if launch.shard is not None and plan.trials:
        raise OptionError(
            "a shard cannot choose settings by the trials of another one; leave out trials, or the shard."
        )
    if plan.match == "time" and launch != Launch():
        raise OptionError("match='time' needs one quiet machine: leave out jobs, shards and other launchers.")
