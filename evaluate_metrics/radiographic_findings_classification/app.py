"""The page of a Space: the README, after its front matter."""

from pathlib import Path

import gradio as gr

with gr.Blocks() as app:
    gr.Markdown(Path(__file__).with_name("README.md").read_text(encoding="utf-8").split("---\n", 2)[2])
app.launch()
