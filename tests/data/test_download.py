"""Downloads from a server on this machine: resumed, checked, from several addresses, with advice offline."""

import hashlib
import threading

import pytest

from koubai.data import DownloadError, RemoteFile, data_folder, fetch

from .server import CONTENT, address


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_DATA", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


def remote(*addresses):
    return RemoteFile("some/file.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), addresses)


def test_a_file_is_downloaded_once(server, folder):
    file = remote(address(server))
    assert fetch(file) == folder / "some" / "file.bin"
    assert fetch(file).read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert not (folder / "some" / "file.bin.part").exists()


def test_a_part_is_completed_from_where_it_ends(server, folder):
    (folder / "some").mkdir()
    (folder / "some" / "file.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(address(server))).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]


def test_a_connection_that_breaks_is_taken_up_again(server):
    server.at_most = 200_000
    assert fetch(remote(address(server))).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=200000-", "bytes=400000-"]


def test_a_server_without_ranges_starts_again(server, folder):
    server.ranges = False
    (folder / "some").mkdir()
    (folder / "some" / "file.bin.part").write_bytes(b"something else")
    assert fetch(remote(address(server))).read_bytes() == CONTENT


def test_a_server_that_always_stops_at_the_same_byte_is_given_up(server):
    server.ranges, server.at_most = False, 1000
    with pytest.raises(DownloadError, match="sent 1000 of 512000 bytes"):
        fetch(remote(address(server)))


def test_a_wrong_part_is_thrown_away(server, folder):
    (folder / "some").mkdir()
    (folder / "some" / "file.bin.part").write_bytes(b"x" * 1000)
    assert fetch(remote(address(server))).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("content", [b"y" * len(CONTENT), CONTENT + b"more"])
def test_a_wrong_checksum_is_never_stored(server, folder, content):
    server.content = content
    server.at_most = len(content)
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch(remote(address(server)))
    assert not (folder / "some" / "file.bin").exists()
    assert not (folder / "some" / "file.bin.part").exists()


def test_the_next_address_is_tried(server):
    file = remote("http://127.0.0.1:1/file.bin", address(server, "nothing"), address(server))
    assert fetch(file).read_bytes() == CONTENT


@pytest.mark.parametrize("damaged", [CONTENT[:100], b"z" * len(CONTENT)])
def test_a_damaged_file_is_fetched_again(server, folder, damaged):
    (folder / "some").mkdir()
    (folder / "some" / "file.bin").write_bytes(damaged)
    assert fetch(remote(address(server))).read_bytes() == CONTENT


def test_offline_the_message_says_where_to_put_the_file(folder):
    file = remote("http://127.0.0.1:1/file.bin")
    with pytest.raises(DownloadError) as caught:
        fetch(file)
    message = str(caught.value)
    for part in (
        "is missing",
        str(folder / "some" / "file.bin"),
        file.sha256,
        file.addresses[0],
        "KOUBAI_DATA",
    ):
        assert part in message


def test_offline_a_damaged_file_is_kept_and_named(folder):
    (folder / "some").mkdir()
    (folder / "some" / "file.bin").write_bytes(CONTENT[:100])
    with pytest.raises(DownloadError, match="is damaged"):
        fetch(remote("http://127.0.0.1:1/file.bin"))
    assert (folder / "some" / "file.bin").read_bytes() == CONTENT[:100]


def test_a_folder_that_cannot_be_written_is_named(server, folder):
    (folder / "some").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="exists"):
        fetch(remote(address(server)))


def test_a_file_put_there_by_hand_needs_no_server(folder):
    (folder / "some").mkdir()
    (folder / "some" / "file.bin").write_bytes(CONTENT)
    assert fetch(remote()).read_bytes() == CONTENT


def test_a_file_of_unknown_size_and_checksum_is_what_the_server_sent_to_its_end(server, folder):
    file = RemoteFile("some/file.bin", None, None, (address(server),))
    (folder / "some").mkdir()
    (folder / "some" / "file.bin.part").write_bytes(b"from another day")
    server.at_most = 1000
    with pytest.raises(DownloadError, match="sent 1000 of 512000 bytes"):
        fetch(file)
    server.at_most = len(CONTENT)
    assert fetch(file).read_bytes() == CONTENT
    assert fetch(file).read_bytes() == CONTENT
    assert server.asked == [None, None]  # never continued, since nobody could say whether it fits


def test_processes_at_the_same_time_fetch_once(server):
    file = remote(address(server))
    threads = [threading.Thread(target=fetch, args=(file,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetch(file).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_the_bar_is_shown_in_a_terminal(server, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fetch(remote(address(server)))
    assert "file.bin" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("platform", "variable", "value", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "/caches", "/caches/koubai"),
        ("linux", "HOME", "/home/me", "/home/me/.cache/koubai"),
        ("darwin", "HOME", "/Users/me", "/Users/me/Library/Caches/koubai"),
        ("win32", "LOCALAPPDATA", "/local", "/local/koubai"),
    ],
)
def test_without_the_variable_it_is_the_users_cache(monkeypatch, platform, variable, value, expected):
    for name in ("KOUBAI_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, value)
    assert data_folder().as_posix() == expected
