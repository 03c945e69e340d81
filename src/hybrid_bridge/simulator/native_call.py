"""Functions that can tell `f(x)` from `f(x, **{})`, as a C extension's can.

Owns one trick. The package's order_send and order_check look at whether they were given keywords
at all, not at whether there are any, so that `executor.submit(order_send, request)`, which ends in
`order_send(request, **{})`, fails with "Unnamed arguments not allowed". A Python function cannot see
that difference: an empty dictionary of keywords leaves no trace in it. A builtin can, because
CPython hands it NULL in one case and the empty dictionary in the other.

The C side is CPython's own: the slot behind `__get__` takes the same three objects as a builtin
(self, arguments, keywords) and passes NULL on as None. So a builtin made of that slot, bound to an
object whose `__get__` is the wanted function, is called with the truth. Exceptions, reference counts
and threads are CPython's own business there, as no code of ours runs outside Python.

Source: CPython, Objects/typeobject.c (slot_tp_descr_get) and Objects/methodobject.c; the stable ABI
has all four names since Python 3.4. CPython only.
"""

import ctypes
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

Arguments = tuple[Any, ...]
_METH_VARARGS_AND_KEYWORDS: Final = 0x0001 | 0x0002
_PY_TP_DESCR_GET: Final = 54


class _MethodDef(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Entry(ModuleType):
    """The `self` of the builtin; its `__get__` is what a call arrives at.

    A module, as for every builtin function: bound to anything else it would be a method of that.
    """

    def __init__(self, module: str, function: Callable[[Arguments, Mapping[str, Any] | None], Any]) -> None:
        super().__init__(module)
        self._function = function

    def __get__(self, arguments: Arguments, keywords: Mapping[str, Any] | None) -> Any:
        return self._function(arguments, keywords)


def builtin(
    module: str,
    name: str,
    doc: str,
    function: Callable[[Arguments, Mapping[str, Any] | None], Any],
) -> Callable[..., Any]:
    """Make a builtin out of a function of (arguments, keywords).

    Args:
        module: the module it claims to live in.
        name: what it is called, as in its repr and its errors.
        doc: its docstring.
        function: called with the tuple of arguments and with the keywords: None if the call had
            none, else a dictionary, which may be empty.
    """
    api = ctypes.pythonapi
    api.PyType_GetSlot.argtypes = [ctypes.py_object, ctypes.c_int]
    api.PyType_GetSlot.restype = ctypes.c_void_p
    api.PyCFunction_NewEx.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    api.PyCFunction_NewEx.restype = ctypes.py_object
    slot = api.PyType_GetSlot(_Entry, _PY_TP_DESCR_GET)
    definition = _MethodDef(name.encode(), slot, _METH_VARARGS_AND_KEYWORDS, doc.encode())
    # A builtin reads its definition until its own very end, which may come after every name of
    # this module is gone; a static table in C lives that long, and so must this one.
    api.Py_IncRef(ctypes.py_object(definition))
    entry = _Entry(module, function)
    made: Callable[..., Any] = api.PyCFunction_NewEx(ctypes.addressof(definition), entry, module)
    return made
