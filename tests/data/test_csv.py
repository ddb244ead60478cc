"""CSV files: reading, finding out what columns hold, missing cells, and errors that name the place."""

import numpy as np
import pytest

from koubai.data import CSVDataset, from_csv, infer_schema, load, read_csv

PENGUINS = """species,island,mass,sex,year
Adelie,Biscoe,3750,male,2007
Adelie,Dream,3800,female,2007
Gentoo,Biscoe,NA,,2008
Gentoo,Biscoe,5000,male,2009
Chinstrap,Dream,3500,female,2009
Chinstrap,Dream,3900,male,2009
"""


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="file.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def features(dataset):
    return dataset.tensors[0].tolist()


def targets(dataset):
    return dataset.tensors[1].tolist()


def test_a_table_knows_its_columns_cells_and_lines(write):
    table = read_csv(write('a,b\n1, "x, y"\n\n"2\n3",z\n4,w\n'))
    assert table.columns == ("a", "b")
    assert table.rows == (("1", "x, y"), ("2\n3", "z"), ("4", "w"))
    assert table.lines == (2, 4, 6)
    assert table.cells("b") == ["x, y", "z", "w"]


@pytest.mark.parametrize(
    "content",
    [
        "名前,値\n東京,1\n".encode("utf-8-sig"),
        "名前,値\r\n東京,1\r\n".encode(),
        "名前,値\n東京,1\n".encode("utf-16"),
        "名前\t値\n東京\t1\n".encode("utf-16").replace(b"\t\0", b",\0"),
    ],
)
def test_byte_order_marks_and_line_ends_of_all_kinds_are_understood(write, content):
    table = read_csv(write(content))
    assert table.columns == ("名前", "値")
    assert table.rows == (("東京", "1"),)


def test_other_encodings_and_delimiters_are_options(write):
    table = read_csv(write("名前;値\n東京;1\n".encode("cp932")), encoding="cp932", delimiter=";")
    assert table.rows == (("東京", "1"),)


def test_a_file_without_a_header_numbers_its_columns(write):
    table = read_csv(write("1,2\n3,4\n"), header=False)
    assert table.columns == ("column_1", "column_2")
    assert len(table) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "file.csv: the file is empty"),
        ("\n \n", "file.csv: the file is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", "line 3: the row has 1 cells, but there are 2 columns"),
        ("a,b\n1,2,3\n", "line 2: the row has 3 cells"),
        ("a,b,a\n1,2,3\n", "column 'a' more than once"),
        ("1,2\n3,4\n", "looks like data; .* header=False"),
        ("値\n東京\n".encode("cp932"), "line 1: byte 0 .* is not utf-8; .*cp932"),
        (b"a\nok\n\xff\n", "line 3: byte 5 "),
        ('a,b\n1,"2\n', "line 2: "),
    ],
)
def test_files_that_cannot_be_read_say_why(write, content, message):
    with pytest.raises(ValueError, match=message):
        CSVDataset(write(content), target="a")


def test_unknown_files_columns_and_encodings(write, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match="no column 'c'; the columns are a, b"):
        CSVDataset(write("a,b\n1,2\n"), target="c")
    with pytest.raises(ValueError, match="no encoding 'utf-9'"):
        read_csv(write("a\n1\n"), encoding="utf-9")


def test_words_become_codes_and_numbers_stay(write):
    data = CSVDataset(write(PENGUINS), target="species", missing="drop")
    assert data.class_names == ("Adelie", "Chinstrap", "Gentoo")
    assert data.feature_names == ("island", "mass", "sex", "year")
    assert features(data)[:2] == [[0, 3750, 1, 2007], [1, 3800, 0, 2007]]
    assert targets(data) == [0, 0, 2, 1, 1]
    assert [tensor.dtype for tensor in data.tensors] == [np.float32, np.int64]


def test_words_can_become_one_input_each(write):
    data = CSVDataset(write(PENGUINS), target="species", drop=["mass", "sex", "year"], one_hot=True)
    assert data.feature_names == ("island=Biscoe", "island=Dream")
    assert features(data)[:2] == [[1, 0], [0, 1]]


def test_a_target_of_numbers_is_a_regression(write):
    data = CSVDataset(write("size,price\n1,10.5\n2,20\n"), target="price")
    assert targets(data) == [[10.5], [20]]
    assert data.tensors[1].dtype == np.float32
    assert data.class_names == ()


def test_numbers_can_be_classes_and_categories(write):
    path = write("postcode,label\n10115,10\n80331,2\n10115,2\n")
    data = CSVDataset(path, target="label", task="classification", categorical=["postcode"])
    assert data.class_names == ("2", "10")
    assert targets(data) == [1, 0, 0]
    assert features(data) == [[0], [1], [0]]


def test_missing_cells_are_refused_by_default(write):
    with pytest.raises(ValueError, match=r"file.csv, line 4, column 'mass': 'NA' is a missing value"):
        CSVDataset(write(PENGUINS), target="species")


def test_missing_cells_are_filled_with_mean_and_most_frequent_word(write):
    data = CSVDataset(write(PENGUINS), target="species", missing="fill")
    assert features(data)[2] == [0, 3990, 1, 2008]


def test_a_missing_target_is_never_made_up(write):
    with pytest.raises(ValueError, match=r"line 3, column 'y': '' is a missing value"):
        CSVDataset(write("x,y\n1,2\n3,\n"), target="y", missing="fill")


def test_a_wrong_cell_is_named_with_file_line_and_column(write):
    path = write("x,y\n1,2\n2,3\n3,4\nabc,5\n")
    with pytest.raises(ValueError, match=r"file.csv, line 5, column 'x': 'abc' is not a number"):
        CSVDataset(path, target="y")


@pytest.mark.parametrize("cell", ["inf", "1e999", "1_000", "１２円"])
def test_cells_that_only_look_like_numbers_are_wrong(write, cell):
    with pytest.raises(ValueError, match="is not a number"):
        CSVDataset(write(f"x,y\n1,2\n3,4\n{cell},5\n"), target="y")


def test_a_later_file_is_coded_like_the_training_file(write):
    train = CSVDataset(write(PENGUINS), target="species", missing="fill")
    later = write("species,island,mass,sex,year\nGentoo,Dream,,female,2010\n", "later.csv")
    assert features(CSVDataset(later, "species", schema=train.schema)) == [[1, 3990, 0, 2010]]
    strange = write("species,island,mass,sex,year\nEmperor,Dream,1,female,2010\n", "strange.csv")
    with pytest.raises(
        ValueError, match=r"strange.csv, line 2, column 'species': 'Emperor' is not one of the known"
    ):
        CSVDataset(strange, "species", schema=train.schema)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("x,y\n1,\n2,\n", {}, "column 'y' is empty"),
        ("x,y\n?,1\n-,2\n", {"missing": "drop"}, "column 'x' is empty"),
        ("x,y\n1,a\n2,a\n", {}, "single class"),
        ("y\n1\n2\n", {}, "no column is left"),
        ("x,y\n1,a\n2,b\n", {"task": "regression"}, "cannot be a regression"),
        ("x,z,y\n1,,1\n,2,2\n", {"missing": "drop"}, "every row has a missing cell"),
    ],
)
def test_tables_with_nothing_to_learn_from_say_so(write, content, options, message):
    with pytest.raises(ValueError, match=message):
        CSVDataset(write(content), target="y", **options)


def test_a_file_is_cut_into_training_and_test_part(write):
    rows = "".join(f"{number},{'ab'[number % 2]}\n" for number in range(50))
    data = from_csv(write("x,y\n" + rows), "y", test=0.2)
    assert (len(data.train), len(data.test)) == (40, 10)
    assert np.bincount(targets(data.test)).tolist() == [5, 5]
    assert data.task == "classification"
    assert data.name == "file"
    assert data.outputs == 2
    again = load(write("x,y\n" + rows), target="y", test=0.2)
    assert features(again.test) == features(data.test)


@pytest.mark.parametrize("missing", ["refuse", "drop", "fill"])
def test_a_wrong_cell_is_told_before_the_file_is_too_small_to_cut(write, missing):
    with pytest.raises(ValueError, match=r"file\.csv, line 4, column 'x': 'foo' is not a number"):
        from_csv(write("x,y\n1,2\n3,4\nfoo,6\n"), "y", missing=missing)


def test_a_file_too_small_to_cut_is_named_with_the_way_out(write):
    small = write("x,y\n1,2\n3,4\n5,6\n")
    with pytest.raises(ValueError, match=r"file\.csv: 3 rows cannot be cut .* test part of 0\.2; add rows"):
        from_csv(small, "y")
    with pytest.raises(ValueError, match=r"^file: fractions .* leave a part empty .*; add samples"):
        from_csv(small, "y", test=0.4).with_validation(0.1)


def test_missing_cells_are_filled_from_the_training_part_alone(write):
    rows = "".join(f"{number},{'' if number % 10 == 0 else 1000 * number},{number}\n" for number in range(60))
    data = from_csv(write("id,x,y\n" + rows), "y", missing="fill")
    train, test = np.array(features(data.train)), np.array(features(data.test))
    filled = np.concatenate([part[part[:, 0] % 10 == 0, 1] for part in (train, test)])
    mean = train[train[:, 0] % 10 != 0, 1].mean()
    np.testing.assert_allclose(filled, mean, rtol=1e-6)


def test_a_table_without_a_target_can_be_encoded(write):
    data = from_csv(write("x,y\n1,a\n2,b\n3,a\n4,b\n"), "y", test=0.5)
    assert data.schema.encode_inputs(read_csv(write("x\n7\n8\n", "new.csv"))).tolist() == [[7], [8]]


def test_a_schema_can_be_inferred_alone(write):
    schema = infer_schema(read_csv(write(PENGUINS)), "species", drop=["year"])
    assert [column.name for column in schema.features] == ["island", "mass", "sex"]
    assert schema.features[0].categories == ("Biscoe", "Dream")
    assert schema.features[1].categories is None
