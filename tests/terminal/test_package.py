import pytest

from hybrid_bridge.terminal.package import Package, PackageError, row
from hybrid_bridge.terminal.rows import AccountRow


def test_a_result_is_handed_on(package):
    assert package.call("account_info").login == 1001
    assert package.call("positions_get") == ()


def test_nothing_returned_is_an_error_with_the_packages_own_words(package, script):
    script.say(errors={"account_info": [-1, "Terminal: Call failed"]})
    with pytest.raises(PackageError) as caught:
        package.call("account_info")
    assert (caught.value.call, caught.value.code, caught.value.text) == (
        "account_info",
        -1,
        "Terminal: Call failed",
    )
    assert not package.link_lost


def test_false_is_an_error_too(package, script):
    script.say(errors={"symbol_select": [-1, "Terminal: Call failed"]})
    with pytest.raises(PackageError):
        package.call("symbol_select", "EURUSD", True)


@pytest.mark.parametrize("code", [-10000, -10001, -10002, -10003, -10004, -10005])
def test_an_error_of_the_pipe_is_a_lost_link_even_where_none_is_an_answer(package, script, code):
    script.say(errors={"symbol_info": [code, "IPC"]})
    with pytest.raises(PackageError):
        package.ask("symbol_info", "EURUSD")
    assert package.link_lost
    package.watch_link()
    assert not package.link_lost


@pytest.mark.parametrize("code", [-1, -4, -8, -9999, -10006])
def test_other_errors_are_answers(package, script, code):
    script.say(errors={"symbol_info": [code, "no"]})
    assert package.ask("symbol_info", "EURUSD") is None
    assert not package.link_lost


def test_the_connection_is_missing_before_initialize(module):
    module.shutdown()
    package = Package(module)
    with pytest.raises(PackageError, match="No IPC connection"):
        package.call("account_info")
    assert package.link_lost


def test_a_row_has_the_fields_of_its_kind(package):
    account = row(AccountRow, package.call("account_info"))
    assert (account.login, account.currency, account.margin_free) == (1001, "USD", 10000.0)


def test_an_error_that_names_a_path_in_letters_that_the_package_cannot_read_is_told_all_the_same():
    """Measured with the genuine package, at MT5_PATH=C:\\Übung\\terminal64.exe."""
    said = b"IPC initialize failed, Process create failed 'C:\\\xdcbung\\terminal64.exe'"

    class Genuine:
        def last_error(self):
            return -10003, said.decode("utf-8")

        def initialize(self, **_):
            return False

    package = Package(Genuine())
    with pytest.raises(PackageError) as failed:
        package.call_with("initialize")
    assert -10003 == failed.value.code
    assert r"Process create failed 'C:\Übung\terminal64.exe'" in failed.value.text
    assert package.link_lost
