"""The page: its parts and their order. What they do stands in `actions`, how answers look in `views`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..columns import MODALITY_COLUMNS
from ..evaluation.results import Result
from ..wording import listed_modalities
from .actions import TYPED, Actions
from .examples import example_names
from .leaderboard import HEAD, KINDS, notes, ordered, radar, rows
from .limits import MEGABYTE, MOST_BYTES
from .predictor import Predictor
from .security import OwnResourcesOnly
from .uploads import SUFFIXES
from .views import CSS, notice, picture
from .waiting import CountUploads

if TYPE_CHECKING:
    from gradio import Blocks

NOTICE = (
    "Not a medical device. Research software that is often wrong: nothing here may decide about a person. "
    "Do not upload data of patients. The examples are synthetic, made by a program."
)

_KEPT = (300, 900)
"""Seconds between two rounds that remove what was uploaded and never read, and the age at which it goes."""
_SESSION_SECONDS = 1800
_WAITING = 64
_LIMIT = f"A file may have up to {MOST_BYTES // MEGABYTE} MB, and is removed once read."
_DROP = 170
"""Height of where a file is dropped, pixels: its label stands in its corner, above its icon."""


def build(predictor: Predictor, results: Sequence[Result] = ()) -> Blocks:
    """The page of a checkpoint, with a leaderboard of results.

    Raises:
        ImportError: Gradio is not installed.
    """
    gr = _gradio()
    with gr.Blocks(title="MultiMed", analytics_enabled=False, delete_cache=_KEPT) as page:
        gr.Markdown("# MultiMed")
        gr.HTML(notice(NOTICE))
        with gr.Tab("Try it"):
            _try_it(gr, predictor)
        with gr.Tab("Leaderboard"):
            _leaderboard(gr, results)
    # A visitor waits for those before, and is turned away by a sentence where there are too many.
    page.queue(max_size=_WAITING, default_concurrency_limit=2)
    return page


def serve(page: Blocks, port: int | None = None, block: bool = True) -> str:
    """Starts the server on this machine; gives its address.

    Args:
        page: what `build` gave.
        port: its port; None for the first free one from 7860.
        block: whether to wait until it is interrupted.
    """
    gr = _gradio()
    from starlette.middleware import Middleware

    # Fonts of the visitor's machine: no other server is asked for anything.
    theme = gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    # Gradio turns the button paler under the pointer, to where its white words are hard to read.
    theme = theme.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
    )
    _, address, _ = page.launch(
        server_port=port,
        share=False,
        show_error=False,
        max_file_size=MOST_BYTES,
        ssr_mode=False,
        footer_links=[],
        # It would keep what visitors upload in their browsers.
        run_history=False,
        enable_monitoring=False,
        # The later in the list, the nearer to the application: nothing has packed the answers yet.
        app_kwargs={"middleware": [Middleware(OwnResourcesOnly), Middleware(CountUploads)]},
        theme=theme,
        css=CSS,
        quiet=True,
        prevent_thread_lock=True,
    )
    if block:
        print(f"The page is at {address} until you press Ctrl+C.")
        page.block_thread()
    return str(address)


def _gradio() -> Any:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # It would keep the times of the last 10,000 presses, and sum them up with pandas after each.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(1 << 40)
    try:
        import gradio
    except ImportError as error:
        raise ImportError("The demo needs Gradio: pip install multimed_hf[demo]") from error
    return gradio


def _try_it(gr: Any, predictor: Predictor) -> None:
    actions = Actions(predictor)
    session = gr.State({}, time_to_live=_SESSION_SECONDS)
    reads, heads = listed_modalities(predictor.modalities), len(predictor.tasks)
    gr.Markdown(f"Checkpoint `{predictor.name}`: reads {reads}; {heads} heads.")
    with gr.Row():
        with gr.Column():
            names = example_names(predictor.modalities, predictor.genes)
            with gr.Group():
                chosen = gr.Dropdown(names, value=names[0] if names else None, label="Synthetic example")
                load = gr.Button("Load the example", elem_id="load-example")
            read = gr.HTML()
            boxes, statuses = {}, {}
            for modality in predictor.modalities:
                boxes[modality], statuses[modality] = _input(gr, actions, session, modality)
            clear = gr.Button("Remove everything", elem_id="clear")
        typed = [boxes[name] if name in predictor.modalities else gr.State("") for name in TYPED]
        with gr.Column():
            predict = gr.Button("Predict", variant="primary", elem_id="predict")
            said = gr.HTML(elem_id="answers")
            question = candidates = gr.State("")
            if predictor.answers_questions:
                with gr.Accordion("Ask a question", open=False):
                    question = gr.Textbox(label="Question", elem_id="question")
                    candidates = gr.Textbox(label="Answers to choose from, separated by commas; may be empty")
                    ask = gr.Button("Ask", elem_id="ask")
                    answered = gr.HTML(elem_id="answered")
                _on(ask, actions.answer, [question, candidates, session, *typed], [answered], "answer", model=True)
            if predictor.compares_labels:
                with gr.Accordion("Labels of your own", open=False):
                    labels = gr.Textbox(label="Labels, separated by commas", elem_id="labels")
                    compare = gr.Button("Compare", elem_id="compare")
                    compared = gr.HTML(elem_id="compared")
                _on(compare, actions.compare, [labels, session, *typed], [compared], "compare", model=True)
    # Below both columns: half the page is too narrow to read the picture.
    with gr.Accordion("Why?", open=False):
        head = gr.Dropdown([], label="Head to explain")
        why = gr.Button("Explain", elem_id="explain")
        picture_of = gr.HTML(elem_id="explanation")

    def predict_and_offer(session: Any, *typed: str) -> tuple[str, Any, str]:
        heads = actions.heads(session, *typed)
        return actions.predict(session, *typed), gr.Dropdown(heads, value=heads[0] if heads else None), ""

    _on(predict, predict_and_offer, [session, *typed], [said, head, picture_of], "predict", model=True)
    _on(why, actions.explain, [head, session, *typed], [picture_of], "explain", model=True)
    shown = [read, session, *boxes.values(), *statuses.values(), question, candidates, said, picture_of]

    def show_example(subset: str) -> list[Any]:
        session, text, question, candidates, words = actions.example(subset)
        values = [text.get(name, "") if name in TYPED else None for name in boxes]
        return [words, session, *values, *[""] * len(statuses), question, candidates, "", ""]

    def remove_everything() -> list[Any]:
        empty = ["" if name in TYPED else None for name in boxes]
        return ["", {}, *empty, *[""] * len(statuses), "", "", "", ""]

    _on(load, show_example, [chosen], shown, "example")
    _on(clear, remove_everything, [], shown, "clear")


def _input(gr: Any, actions: Actions, session: Any, modality: str) -> tuple[Any, Any]:
    """Where one modality is given: a box to type in or to drop a file on, and what was read."""
    suffixes = list(SUFFIXES[modality])
    with gr.Accordion(_called(modality), open=False, elem_id=f"input-{modality}"):
        what = "; ".join(column.meaning for column in MODALITY_COLUMNS[modality][:1])
        gr.Markdown(" ".join(filter(None, (f"{what[:1].upper()}{what[1:]}.", _hint(modality), _LIMIT))))
        if modality in TYPED:
            box = gr.Textbox(label=_called(modality), lines=4, elem_id=f"type-{modality}")
            file = gr.File(label=f"or {', '.join(suffixes)}", elem_id=f"file-{modality}", height=_DROP)
            status = gr.HTML(elem_id=f"read-{modality}")

            def fill(path: str | None) -> tuple[str, str, None]:
                return (*actions.fill(modality, path), None)

            file.upload(fill, [file], [box, status, file], api_name=f"read_{modality}")
            return box, status
        rate = gr.State(0.0)
        if modality == "eeg":
            rate = gr.Number(160.0, label="Sampling rate of CSV files, Hz", minimum=1)
        file = gr.File(label=", ".join(suffixes), elem_id=f"file-{modality}", height=_DROP)
        status = gr.HTML(elem_id=f"read-{modality}")

        def upload(path: str | None, rate: float | None, session: Any) -> tuple[Any, str, None]:
            return (*actions.upload(modality, path, rate, session), None)

        file.upload(upload, [file, rate, session], [session, status, file], api_name=f"read_{modality}")
    return file, status


def _leaderboard(gr: Any, results: Sequence[Result]) -> None:
    if not results:
        gr.Markdown("No results: start the demo with `--results` and one or more files that `multimed evaluate` wrote.")
        return
    gr.Markdown("Higher is better. The button \u22ee in a heading sorts too.")
    with gr.Row():
        column = gr.Dropdown(list(HEAD), value=None, label="Sort by", elem_id="sort-by")
        ascending = gr.Checkbox(label="Lowest first", elem_id="sort-ascending")
    shown = rows(results)
    table = gr.Dataframe(
        shown,
        headers=list(HEAD),
        datatype=list(KINDS),
        interactive=False,
        label="Main scores",
        show_search="filter",
        elem_id="leaderboard",
    )
    for choice in (column, ascending):
        choice.change(lambda *by: ordered(shown, *by), [column, ascending], [table], api_name=False)
    drawn = radar(results)
    if drawn:
        gr.HTML(picture(drawn, "Radar plot of the main scores in the table that all models have."))
    gr.Markdown("\n".join(f"- {note}".replace("*", r"\*").replace("<", r"\<") for note in notes(results)))


def _on(button: Any, action: Any, inputs: list[Any], outputs: list[Any], name: str, model: bool = False) -> None:
    """Ties a button to an action; those that use the model wait in one line."""
    line: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1} if model else {}
    button.click(action, inputs, outputs, api_name=name, **line)


def _called(modality: str) -> str:
    name = listed_modalities([modality])
    return f"{name[:1].upper()}{name[1:]}"


def _hint(modality: str) -> str:
    return {
        "eeg": "Of EDF and BDF files the first ten seconds are read. A CSV file names electrodes in its first line, then "
        "holds microvolts, one line a sample.",
        "scrna": "A CSV file has two columns, gene symbols and counts. Of an h5ad file the first cell is read.",
        "genomics": "Letters A, C, G, T, N, or one FASTA record.",
        "protein": "One letter a residue, or one FASTA record.",
        "text": "English.",
    }.get(modality, "A volume may be oblique: it is turned to the nearest axes." if modality in ("ct", "mri") else "")
