"""A learner's numbers are marked fairly: what is right, what is the first wrong one, and which slip led there."""

import json

import pytest

from koubai.explain import compare, preset, solve
from koubai.explain.comparison import Mark, NotTranslated, read_answers
from koubai.explain.notation import decimal
from koubai.explain.pages import pages
from koubai.explain.text import TextNotation


@pytest.fixture(scope="module")
def sheet():
    return solve(preset("2-2-1"))


def boxes(sheet):
    return [line.cell for page in pages(sheet) if page.is_calculated for line in page.lines]


def mark(sheet, **answers):
    """The first of a learner's numbers, marked; names with a slash are written with an underscore."""
    named = {name.replace("_by_", "/"): value for name, value in answers.items()}
    return list(compare(sheet, None, mine=named).marking.marked.values())[-1]


def rounded(sheet, digits):
    return {cell.symbol.key: decimal(cell.value, digits) for cell in boxes(sheet)}


class TestReading:
    """Files in three formats, names in two spellings, and numbers without names."""

    def test_both_spellings_of_a_name_are_known(self, sheet, tmp_path):
        for number, cell in enumerate(boxes(sheet)):
            for spelling in (cell.symbol.key, TextNotation().name(cell.symbol)):
                path = tmp_path / f"{number}.txt"
                path.write_text(f"{spelling} = 0.5  # mine\n\n", encoding="utf-8")
                (found,) = read_answers(path, sheet)
                assert found.symbol == cell.symbol

    @pytest.mark.parametrize(
        "written", ["−0.4680", "-0.4680", "－０．４６８０", "-4.680e-1", "−4.680×10⁻¹", "-4.680*10^-1"]
    )
    def test_numbers_may_be_written_as_people_write_them(self, sheet, tmp_path, written):
        path = tmp_path / "mine.txt"
        path.write_text(f"dL/dy = {written}", encoding="utf-8")
        (answer,) = read_answers(path, sheet).values()
        assert answer.value == pytest.approx(-0.468)
        assert answer.unit == pytest.approx(1e-4)

    def test_csv_and_json_say_the_same(self, sheet, tmp_path):
        (tmp_path / "a.csv").write_text("name,value\nz1_1,0.30\ndL/dy,-0.468\n", encoding="utf-8")
        (tmp_path / "a.json").write_text('{"z1_1": 0.30, "dL/dy": -0.468}', encoding="utf-8")
        csv, data = (read_answers(tmp_path / name, sheet) for name in ("a.csv", "a.json"))
        assert csv == data
        assert [answer.unit for answer in csv.values()] == pytest.approx([0.01, 0.001])

    def test_numbers_without_names_are_in_the_order_of_the_boxes(self, sheet, tmp_path):
        numbers = [decimal(cell.value, 4).replace("−", "-") for cell in boxes(sheet)]
        (tmp_path / "a.txt").write_text("\n".join(numbers[:6]), encoding="utf-8")
        (tmp_path / "a.json").write_text(json.dumps(list(map(float, numbers[:6]))), encoding="utf-8")
        for name in ("a.txt", "a.json"):
            assert [c.symbol.key for c in read_answers(tmp_path / name, sheet)] == [
                c.symbol.key for c in boxes(sheet)[:6]
            ]

    def test_a_whole_tensor_and_the_number_of_a_box_are_names_too(self, sheet):
        found = read_answers({"dL/dw1": [[1, 2], [3, 4]], "1": "0.3"}, sheet)
        assert [cell.symbol.key for cell in found] == [
            "dL/dw1_11",
            "dL/dw1_12",
            "dL/dw1_21",
            "dL/dw1_22",
            "z1_1",
        ]

    def test_what_is_empty_is_not_answered(self, sheet):
        assert len(read_answers({"z1_1": "", "z1_2": None, "y": "?", "L": 0.1}, sheet)) == 1

    @pytest.mark.parametrize(
        ("answers", "message"),
        [
            ({"z9": 1}, "there is no number z9 on the sheet"),
            ({"w1_11": 1}, "w1_11 is given.*w1_11_new"),
            ({"y": "nan"}, "'nan' is no number"),
            ({"y": float("inf")}, "inf is no number"),
            ({"y": True}, "True is no number"),
            ({"y": "0,5"}, "'0,5' is no number"),
            ({"z1": [1, 2, 3]}, "2 numbers belong here, but there are 3"),
            ({"y": 1, "6": 2}, "y is there twice, with different"),
            ({}, "There is no number in"),
            ([0.5] * 99, "more numbers than boxes"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, sheet, answers, message):
        with pytest.raises(ValueError, match=message):
            read_answers(answers, sheet)

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("a.txt", "= 3", "a.txt, line 1: a line is"),
            ("a.csv", "y,1,2", "there are 3 columns"),
            ("a.json", "{", "is no JSON"),
            ("a.json", "3", "must be an object"),
            ("a.json", '{"y": NaN}', "'NaN' is no number"),
        ],
    )
    def test_a_malformed_file_is_refused(self, sheet, tmp_path, name, text, message):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            read_answers(tmp_path / name, sheet)

    def test_a_missing_or_binary_file_is_refused(self, sheet, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no file"):
            read_answers(tmp_path / "none.txt", sheet)
        (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ValueError, match="no text in UTF-8"):
            read_answers(tmp_path / "a.txt", sheet)


class TestMarking:
    """Right, wrong, and what follows from a mistake."""

    @pytest.mark.parametrize("digits", [2, 4, 8])
    @pytest.mark.parametrize("name", ["2-2-1", "xor", "softmax", "lstm", "attention", "convolution"])
    def test_rounded_numbers_are_right(self, name, digits):
        sheet = solve(preset(name))
        found = compare(sheet, None, mine=rounded(sheet, digits))
        assert found.right, [m.line.cell for m in found.marking.marked.values() if m.mark is not Mark.RIGHT]
        assert len(found.marking.marked) == found.marking.count

    def test_the_digits_that_were_written_count(self, sheet):
        assert mark(sheet, y="0.53").mark is Mark.RIGHT
        assert mark(sheet, y="0.532").mark is Mark.RIGHT
        assert mark(sheet, y="0.530").mark is Mark.WRONG
        assert mark(sheet, y=1).mark is Mark.WRONG  # an integer is no rounding to no digits

    def test_calculating_with_rounded_numbers_is_no_mistake(self, sheet):
        # 0.57·0.5 + 0.60·(−0.6) + 0.2 = 0.125, and exactly 0.128
        answers = {"a1_1": "0.57", "a1_2": "0.60", "z2": "0.125"}
        assert compare(sheet, None, mine=answers).right

    def test_the_first_wrong_number_is_found_and_the_rest_follows(self, sheet):
        answers = rounded(sheet, 6)
        answers["dL/dz2"] = "-0.468041"
        answers |= {"dL/db2": "-0.468041", "dL/dw2_1": "-0.268863"}
        found = compare(sheet, None, mine=answers)
        assert found.marking.first_wrong.line.cell.symbol.key == "dL/dz2"
        assert [m.line.cell.symbol.key for m in found.marking.marked.values() if m.mark is Mark.FOLLOWS] == [
            "dL/db2",
            "dL/dw2_1",
        ]
        text = str(found)
        assert "The first wrong one is ∂L/∂z⁽²⁾: you have −0.468041, it is −0.116532." in text
        assert "∂L/∂z⁽²⁾ = ∂L/∂y·∂y/∂z⁽²⁾ = ∂L/∂y·y·(1 − y)" in text
        assert "calculated rightly, from a wrong number before: 2." in text

    def test_numbers_that_are_still_to_be_found_are_not_shown(self, sheet):
        assert "0.531959" not in str(compare(sheet, None, mine={"z1_1": 0.3}))

    @pytest.mark.parametrize(
        ("answers", "slip"),
        [
            ({"dL_by_dy": "0.4680"}, "sign is turned around"),
            ({"dL_by_dz2": "-0.4680"}, "∂L/∂y, was not multiplied by the local derivative"),
            ({"dL_by_dz2": "0.2490"}, "was not multiplied by the gradient that arrives"),
            ({"dL_by_dz1_1": "-0.0122"}, "calculated with z⁽¹⁾₁ instead of a⁽¹⁾₁"),
            ({"dL_by_da1_1": "-0.0622"}, "Updated weights were used"),
            ({"L": "0.2191"}, "not divided by 2"),
            ({"L": "-0.2340"}, "not raised to the power of 2"),
            ({"w2_1_new": "0.5669"}, "learning rate η was left out"),
            ({"w2_1_new": "0.4665"}, "goes up the gradient instead of down"),
            ({"w2_1_new": "0.0335"}, "only the change"),
            ({"z1_2": "0.5000"}, "The term b⁽¹⁾₂ was left out"),
            ({"z1_1": "0.3500"}, "indices of the weights are mixed up"),
            ({"a1_1": "0.3000"}, "It is the number of z⁽¹⁾₁"),
            ({"dL_by_dy": "-0.9361"}, "twice the right number"),
            ({"y": "0.53195"}, "cut off instead of rounded"),
        ],
    )
    def test_typical_slips_are_named(self, sheet, answers, slip):
        found = mark(sheet, **answers)
        assert found.mark is Mark.WRONG
        assert slip in " ".join(found.slips)

    def test_a_slip_is_calculated_with_the_learners_own_numbers(self, sheet):
        found = mark(sheet, dL_by_dy="0.5000", dL_by_dz2="0.5000")
        assert "∂L/∂y, was not multiplied" in " ".join(found.slips)

    def test_paths_that_were_forgotten_are_named(self):
        sheet = solve(preset("2-2-2"))
        first, second = (sheet[f"dL/dz2_{k}"] * sheet[f"w2_{k}1"] for k in (1, 2))
        slips = mark(sheet, **{"dL/da1_1": f"{first:.6f}"}).slips
        assert "Only one of the paths" in " ".join(slips) or "was left out" in " ".join(slips)
        assert first + second == pytest.approx(sheet["dL/da1_1"])

    def test_the_other_logarithm_is_named(self):
        sheet = solve(preset("softmax"))
        log = next(
            line.cell for page in pages(sheet) for line in page.lines if line.cell.symbol.key == "log_p_1"
        )
        z, s, m = sheet["z_1"], sheet["s"], sheet["m"]
        import math

        found = mark(sheet, log_p_1=f"{z - m - math.log10(s):.5f}")
        assert log.value != found.answer.value
        assert "base 10" in " ".join(found.slips)

    def test_a_number_without_a_known_slip_is_not_explained(self, sheet):
        assert mark(sheet, y="0.9173").slips == []

    @pytest.mark.parametrize("name", ["2-2-1", "lstm"])
    def test_one_form_of_momentum_or_the_other_can_be_answered(self, name):
        sheet = solve(preset(name, momentum=0.9))
        for update in sheet.updates:
            answers = {c.symbol.key: decimal(c.value, 6) for value in update.memory for c in value}
            assert compare(sheet, None, mine=answers).right


def test_something_to_compare_with_is_needed(sheet):
    with pytest.raises(ValueError, match="nothing to compare with"):
        compare(sheet, None)
    with pytest.raises(ValueError, match="no framework caffe"):
        compare(sheet, "caffe")
    with pytest.raises(ValueError, match="at least one step"):
        compare(sheet, "torch", steps=0)


def test_a_missing_framework_says_how_to_install_it(sheet, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match="pip install torch"):
        compare(sheet, "torch")
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ModuleNotFoundError, match="pip install keras"):
        compare(sheet, "keras")


def test_not_translated_is_a_value_error():
    assert issubclass(NotTranslated, ValueError)
