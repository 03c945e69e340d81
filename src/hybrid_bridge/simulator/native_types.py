"""Struct sequences as a C extension makes them: tuples whose items have names too.

Owns the making of one such type. The package's result types are static types of its C code, made with
PyStructSequence_InitType2 and with a method `_asdict` added; this asks CPython for the very same, so
that construction, reading, comparing, copying, pickling, printing and every error are CPython's own.

CPython only. Source: CPython, Include/structseq.h and Include/descrobject.h, both public.
"""

import ctypes
import gc
from collections.abc import Sequence
from typing import Any, Final

_METH_NOARGS: Final = 0x0004


class _Field(ctypes.Structure):
    """PyStructSequence_Field."""

    _fields_ = (("name", ctypes.c_char_p), ("doc", ctypes.c_char_p))


class _Description(ctypes.Structure):
    """PyStructSequence_Desc."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("doc", ctypes.c_char_p),
        ("fields", ctypes.c_void_p),
        ("in_sequence", ctypes.c_int),
    )


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_MethodFunction: Final = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)


def _as_dict(value: Any, _: None) -> dict[str, Any]:
    return dict(zip(value.__match_args__, value, strict=True))


_as_dict_function: Final = _MethodFunction(_as_dict)
_as_dict_method: Final = _Method(
    b"_asdict",
    ctypes.cast(_as_dict_function, ctypes.c_void_p),
    _METH_NOARGS,
    b"Convert named tuple object to dictionary",
)


def struct_sequence(name: str, doc: str, fields: Sequence[str]) -> Any:
    """Make a struct sequence type.

    Args:
        name: what it is called; without a dot it counts as one of the builtins, as the package's do.
        doc: its docstring.
        fields: names of its items, all of them part of the sequence.
    """
    api = ctypes.pythonapi
    described = (_Field * (len(fields) + 1))(*[_Field(field.encode(), None) for field in fields])
    description = _Description(name.encode(), doc.encode(), ctypes.addressof(described), len(fields))
    # A static type, all zeros at first, of which PyHeapTypeObject is the larger sister.
    memory = ctypes.create_string_buffer(type.__basicsize__)  # type: ignore[arg-type]
    # The type, its name and its docstring must outlive whatever still holds one of its values.
    for kept in (described, description, memory, _as_dict_function, _as_dict_method):
        api.Py_IncRef(ctypes.py_object(kept))
    api.PyStructSequence_InitType2.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    if api.PyStructSequence_InitType2(memory, ctypes.byref(description)) != 0:
        raise RuntimeError(f"CPython could not make the type {name}")
    made = ctypes.cast(memory, ctypes.py_object).value
    _add_as_dict(made)
    return made


def _add_as_dict(made: Any) -> None:
    api = ctypes.pythonapi
    api.PyDescr_NewMethod.argtypes = [ctypes.py_object, ctypes.c_void_p]
    api.PyDescr_NewMethod.restype = ctypes.py_object
    # A static type takes no attributes from Python; C code adds them to its dictionary.
    (namespace,) = gc.get_referents(vars(made))
    namespace["_asdict"] = api.PyDescr_NewMethod(made, ctypes.addressof(_as_dict_method))
    api.PyType_Modified.argtypes = [ctypes.py_object]
    api.PyType_Modified(made)
