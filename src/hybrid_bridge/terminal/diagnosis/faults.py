"""What can be wrong between the bridge and a terminal that trades, in the words that a person reads.

Owns the wording: for each fault its cause and its mend, menus as the English terminal names them. Does no
I/O. Called by the modules of this folder that look at the terminal; docs/check.md has the same words.
"""

from hybrid_bridge.findings import FaultTable, Words

_EXPERTS = "Tools > Options > Expert Advisors"
_COMMUNITY = "Tools > Options > Community"
_LOGIN = "File > Login to Trade Account"
_WATCH = "View > Market Watch (Ctrl+M)"
_UPDATES = "Help > Check Desktop Updates"
_BY_HAND = f"log in by hand once in the terminal, {_LOGIN}"
_SAME_USER = (
    "run both as the same Windows user, both as administrator or neither, and not with the Python of the"
    " Microsoft Store"
)

FAULTS: dict[str, Words] = {
    # The program.
    "not_windows": Words(
        "MetaTrader 5 and its Python package run on Windows, and this is another system",
        "run the bridge on the Windows PC where the terminal is, or set MT5_BACKEND=simulator",
    ),
    "path_missing": Words(
        "there is no file at MT5_PATH",
        "set MT5_PATH to the terminal64.exe that you log in with{known}",
    ),
    "path_folder": Words(
        "MT5_PATH is a folder",
        "set it to the program in that folder, MT5_PATH={program}",
    ),
    "path_other": Words(
        "MT5_PATH is not the terminal's program",
        "set it to the terminal64.exe that you log in with{known}",
    ),
    "path_no_program": Words(
        "the file at MT5_PATH is no Windows program",
        "download MetaTrader 5 from your broker and install it again, or set MT5_PATH to another"
        " terminal64.exe",
    ),
    "terminal_none": Words(
        "no MetaTrader 5 is installed for this Windows user",
        "install your broker's MetaTrader 5 and log in to your account, or name one by MT5_PATH",
    ),
    "terminals_several": Words(
        "several terminals are installed and MT5_PATH is empty, so that chance decides which one is used",
        "set MT5_PATH to the one that is logged in to your account",
    ),
    "terminal_off": Words(
        "the terminal does not run",
        "start MetaTrader 5 and log in to your account; tick Save password, then it logs in by itself",
    ),
    "terminal_shut": Words(
        "the terminal runs and lets no program in",
        f"switch on Python integration in {_COMMUNITY} and restart the terminal; where it is on, the terminal"
        " may still be starting: check again in a minute",
    ),
    # The package.
    "package_missing": Words(
        "the Python package MetaTrader5 is not installed in the Python that the bridge runs with",
        "install it: `{python} -m pip install MetaTrader5`",
    ),
    "package_broken": Words(
        "the Python package MetaTrader5 cannot be loaded",
        "install it anew with what it needs: `{python} -m pip install --force-reinstall MetaTrader5`;"
        " that Python must be a 64-bit one",
    ),
    # The connection.
    "init_program": Words(
        "Windows could not start the terminal that MT5_PATH names",
        "set MT5_PATH to the terminal64.exe that you log in with, and start it once by hand",
    ),
    "init_silent": Words(
        "the terminal did not let this program in",
        f"close every dialog that is open in the terminal; switch on Python integration in {_COMMUNITY} and"
        f" restart it; {_SAME_USER}",
    ),
    "init_hung": Words(
        "the terminal does not answer a program that connects",
        "close every dialog that is open in the terminal, or restart it; " + _SAME_USER,
    ),
    "init_version": Words(
        "terminal and Python package do not fit together",
        f"update the terminal, {_UPDATES}, and the package, `{{python}} -m pip install -U MetaTrader5`",
    ),
    "init_refused": Words(
        "the terminal is not logged in to an account: the broker refused the login",
        f"{_BY_HAND}, with the main password; demo accounts expire",
    ),
    "init_waiting": Words(
        "the terminal is not logged in to an account",
        f"{_BY_HAND}; close every dialog that is open in it, and see that it has a connection",
    ),
    "login_refused": Words(
        "the broker refuses the login of account {login}",
        "correct MT5_LOGIN, MT5_PASSWORD and MT5_SERVER (as the terminal's login window shows it); demo"
        " accounts expire",
    ),
    "login_kind": Words(
        "the broker wants a one-time password or a certificate, which a program cannot give",
        f"{_BY_HAND}, and leave MT5_PASSWORD empty",
    ),
    "init_parameters": Words(
        "the terminal does not accept MT5_LOGIN, MT5_PASSWORD or MT5_SERVER",
        "correct them: MT5_SERVER exactly as the terminal's login window shows it",
    ),
    "init_failed": Words(
        "no connection to the terminal comes about",
        f"restart the terminal; if it stays, update it, {_UPDATES}, and look at its Journal",
    ),
    "worker_failed": Words(
        "the process that was to ask the terminal ended",
        "check again; if it stays, look whether a virus scanner stops python.exe, then install the bridge"
        " anew",
    ),
    "link_lost": Words(
        "the terminal ended, or closed the connection, while it was asked",
        "start it again and leave it open; if it ends by itself, look at its Journal",
    ),
    "call_hung": Words(
        "the terminal did not answer {call}",
        "close every dialog that is open in it, or restart it",
    ),
    "call_failed": Words(
        "the terminal answered {call} with an error",
        f"restart it; if it stays, update it, {_UPDATES}",
    ),
    "simulator_refused": Words(
        "no simulated terminal answers at {address}",
        "start it, `hybrid-bridge simulator --listen {address}`, or correct SIM_ADDRESS; left empty, the"
        " bridge starts one itself",
    ),
    # Terminal and account.
    "build_old": Words(
        "the terminal is too old for the Python package",
        f"update it: {_UPDATES}",
    ),
    "other_terminal": Words(
        "another terminal answered than MT5_PATH names",
        "set MT5_PATH to the one that is logged in to your account, or close the other one",
    ),
    "other_account": Words(
        "the terminal is logged in to another account than MT5_LOGIN",
        f"log in to account {{login}}, {_LOGIN}, or correct MT5_LOGIN",
    ),
    "login_unset": Words(
        "MT5_LOGIN is not set, and the bridge trades no account that it was not told",
        "if it is this account that is meant, set MT5_LOGIN={login}",
    ),
    "other_server": Words(
        "the account is on another server than MT5_SERVER",
        "correct MT5_SERVER, or log in on that server, " + _LOGIN,
    ),
    "link_down": Words(
        "the terminal has no connection to the broker",
        "click on the connection in the lower right corner of the terminal and choose Rescan servers, or"
        f" {_LOGIN}; then check this PC's internet connection",
    ),
    "algo_off": Words(
        "Algo Trading is switched off in the terminal",
        "press the button Algo Trading in the toolbar until it is green; if it does not stay so, look at"
        f" {_EXPERTS}: it may be switched off whenever the account or the profile changes",
    ),
    "api_off": Words(
        "the terminal lets no order of a Python program through",
        f'untick "Disable automated trading via external Python API" in {_EXPERTS}',
    ),
    "account_read_only": Words(
        "the account may only look, not trade",
        f"log in with the main password instead of the investor's, {_LOGIN}; if it is the main one, ask the"
        " broker why the account is disabled",
    ),
    "account_no_experts": Words(
        "the broker does not permit automated trading on this account",
        "ask the broker to permit it, or use an account on which it is permitted",
    ),
    # Symbols.
    "symbol_unknown": Words(
        "the broker has no symbol {symbol}",
        "correct SYMBOLS{near}; " + _WATCH + ", right click, Symbols shows what there is",
    ),
    "symbol_refused": Words(
        "{symbol} cannot be put into the Market Watch",
        f"in {_WATCH}, right click, Hide All, and show it by hand: the Market Watch holds only so many",
    ),
    "symbol_disabled": Words(
        "the broker does not let {symbol} be traded",
        "take it out of SYMBOLS, or name the one that can be traded on this kind of account",
    ),
    "symbol_close_only": Words(
        "the broker lets positions of {symbol} be closed and none be opened",
        "take it out of SYMBOLS, or ask the broker until when that is so",
    ),
    "symbol_one_way": Words(
        "the broker lets {symbol} be {direction} only",
        "signals in the other direction will be denied; take it out of SYMBOLS if that is not wanted",
    ),
    "symbol_no_price": Words(
        "there is no price of {symbol}",
        "wait until its market opens; if it is open, look at the symbol in " + _WATCH,
    ),
    # Clock and order_check.
    "offset_wrong": Words(
        "MT5_SERVER_UTC_OFFSET does not fit the trade server's clock",
        "set MT5_SERVER_UTC_OFFSET=auto, or {offset_s} until the clock changes",
    ),
    "offset_unknown": Words(
        "too few prices came to see how far the trade server's clock is from UTC",
        "check again while the market is open; the bridge learns it with the first prices",
    ),
    "clock_apart": Words(
        "this PC's clock and the trade server's are {apart_s:.1f} s apart beside whole quarters of an hour",
        "let Windows set its clock (Settings, Time & language, Sync now)",
    ),
    "order_money": Words(
        "the account has too little money for the smallest order, {volume:g} lots of {symbol}",
        "pay in, or close positions; another symbol may need less margin",
    ),
    "order_closed": Words(
        "the market of {symbol} is closed",
        "check again when it is open",
    ),
    "order_refused": Words(
        "the terminal would refuse the smallest order, {volume:g} lots of {symbol}: {meaning}",
        "{advice}",
    ),
}

fault = FaultTable(FAULTS)
