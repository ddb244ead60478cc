"""Files of Aozora Bunko are read as their rules say: ruby, notes and missing characters, the colophon apart."""

import pytest

from koubai.data import AozoraWork, DownloadError, aozora, read_aozora

RULE = "-" * 55
FILE = f"""下人の話
羅生門より
芥川龍之介

{RULE}
【テキスト中に現れる記号について】

《》：ルビ
（例）下人《げにん》
{RULE}

［＃５字下げ］一［＃「一」は中見出し］

　一人の下人《げにん》が、所々｜丹塗《にぬり》の門で、※［＃「てへん＋丑」、第4水準2-12-93］を待っていた。
「誰だ、※［＃始め二重山括弧、1-1-52］そこ※［＃終わり二重山括弧、1-1-53］は」※［＃「字」、読めない］
　※［＃「口＋世」、U+546D、12-3］と｜言《い》う。［＃「言」に傍点］



底本：「芥川龍之介全集1」ちくま文庫
　　　1986（昭和61）年9月24日第1刷発行
入力：平山誠
""".replace("\n", "\r\n").encode("cp932")


def test_marks_are_read_and_the_colophon_is_kept_apart():
    work = read_aozora(FILE)
    assert (work.title, work.author) == ("下人の話", "芥川龍之介")
    assert work.text.split("\n") == [
        "一",
        "",
        "　一人の下人が、所々丹塗の門で、抂を待っていた。".replace("抂", "\u626d"),
        "「誰だ、《そこ》は」〓",
        "　呭と言う。",
        "",
    ]
    assert work.colophon.startswith("底本：「芥川龍之介全集1」")
    assert work.colophon.endswith("入力：平山誠")


def test_a_file_without_a_list_of_marks_or_a_colophon():
    work = read_aozora("題\r\n作者\r\n\r\n　本文。\r\n".encode("cp932"))
    assert work == AozoraWork("題", "作者", "　本文。\n", "")


def test_what_is_no_such_file_is_refused():
    with pytest.raises(ValueError, match="title and an author"):
        read_aozora("一行だけ".encode("cp932"))
    with pytest.raises(UnicodeDecodeError):
        read_aozora("題\n作者\n\n本文".encode())


def test_the_six_works():
    try:
        works = aozora(progress=False)
    except DownloadError as error:
        pytest.skip(str(error).splitlines()[0])
    assert [work.title for work in works[-2:]] == ["こころ", "吾輩は猫である"]
    for work in works:
        assert not set("《》｜［＃］") & set(work.text)
        assert "青空文庫" in work.colophon
        assert "青空文庫" not in work.text
