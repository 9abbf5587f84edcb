import platform

import torch

from multimed_hf.training import hardware
from multimed_hf.training.hardware import device_name


def test_a_processor_is_called_as_its_maker_calls_it(tmp_path, monkeypatch):
    processors = tmp_path / "cpuinfo"
    processors.write_text("processor : 0\nmodel name\t: Example CPU @ 2.10GHz\n\nprocessor : 1\nmodel name\t: Other\n")
    monkeypatch.setattr(hardware, "_PROCESSORS", processors)
    assert device_name(torch.device("cpu"), 1) == "Example CPU @ 2.10GHz"
    assert device_name(torch.device("cpu"), 2) == "Example CPU @ 2.10GHz, 2 processes"


def test_a_processor_without_a_name_is_called_by_its_kind(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    for content in (None, "Features : fp asimd\n"):
        monkeypatch.setattr(hardware, "_PROCESSORS", tmp_path / "cpuinfo")
        if content:
            (tmp_path / "cpuinfo").write_text(content)
        assert device_name(torch.device("cpu"), 1) == "arm64"


def test_accelerators_are_counted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Example GPU 80GB")
    assert device_name(torch.device("cuda", 0), 4) == "4 x Example GPU 80GB"
    assert device_name(torch.device("mps"), 1) == "1 x mps"
