"""Recordings: pairs of files that may be passed on, and what must never be in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import ConfigError, NeedsOperator
from connector.pars.recording import Exchange, Recorder, load
from connector.records import Payload, Reply

SECRET = 'p&ss "w<rd'


def exchange(body: str = "<a/>", answer: str = "<b/>", **params: str) -> Exchange:
    payload = Payload(body=body.encode(), content_type="application/xml") if body else None
    reply = Reply(status=200, content_type="text/xml", body=answer.encode())
    return Exchange(call="POST /GetLearnerMatch", params=params, payload=payload, reply=reply)


def whole(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_what_is_kept_is_what_is_read_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "kept", {})
    asked = [exchange("", "", CreditId="ccid:a:b c", x="&"), exchange("<a>\n\n</a>", "<b>\n\n</b>")]
    for one in asked:
        recorder.keep(one)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "001-GetLearnerMatch.reply", "001-GetLearnerMatch.request",
        "002-GetLearnerMatch.reply", "002-GetLearnerMatch.request",
    ]  # fmt: skip
    assert load(tmp_path / "kept") == asked


@pytest.mark.parametrize(
    "form",
    [SECRET, "p&amp;ss &quot;w&lt;rd", 'p&amp;ss "w&lt;rd', "p%26ss%20%22w%3Crd", "p%26ss+%22w%3Crd", 'p&ss \\"w<rd',
     SECRET.upper()],
)  # fmt: skip
def test_a_secret_is_taken_out_in_whatever_form_it_stands(tmp_path: Path, form: str) -> None:
    recorder = Recorder(tmp_path / "kept", {SECRET: "[Password]"})
    recorder.keep(exchange(f"<a>x{form}y</a>", f"<b>{form}</b>", Password=SECRET))
    found = whole(tmp_path / "kept")
    assert b"w<rd" not in found.lower()
    assert b"w&lt;rd" not in found.lower()
    assert b"w%3crd" not in found.lower()
    assert found.count(b"[Password]") == 3


def test_names_go_as_whole_words_alone(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "kept", {})
    recorder.keep(exchange("<License>Li</License>"))
    recorder.hide_names({"Li": "Given1", "O'Neill-Garcia": "Family1"})
    recorder.keep(exchange("<License>Li O&#x27;Neill-Garcia</License>"))
    first, second = load(tmp_path / "kept")
    assert first.payload is not None
    assert second.payload is not None
    assert first.payload.body == b"<License>Li</License>"  # before it was known as a name
    assert second.payload.body == b"<License>Given1 Family1</License>"


def test_what_cannot_be_taken_out_is_not_written(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "kept", {"secret": "[not so secret]"})
    with pytest.raises(NeedsOperator) as refused:
        recorder.keep(exchange("<a>secret</a>"))
    assert "secret" not in str(refused.value).replace("--record", "")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(ConfigError) as refused:
            Recorder(folder, {})
        assert refused.value.code == "pars.recording"


@pytest.mark.parametrize(
    "files",
    [{}, {"1.request": "POST /a\n\n"}, {"1.request": "POST /a\n\n", "1.reply": "what\n\n"},
     {"1.request": "\n\n", "1.reply": "HTTP 200\n\n"}],
)  # fmt: skip
def test_what_is_no_recording_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path)
    assert refused.value.code == "pars.recording"
