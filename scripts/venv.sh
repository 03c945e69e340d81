# shellcheck shell=bash
# Sourced by the scripts beside it: finds a Python and keeps .venv in step with pyproject.toml.
#
#   ensure_venv EXTRA        afterwards $venv_python runs a Python that has the project with that extra
#   tell_help FILE "$@"      where help is asked for: lets FILE, which needs no package, tell it, and ends
#
# PYTHON=... chooses the Python that .venv is made with.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14 python; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  die 'No Python 3.11 or newer found. Install one from https://www.python.org/downloads/' \
    'or name yours: PYTHON=/path/to/python3'
}

tell_help() {
  local file=$1 python argument
  shift
  for argument in "$@"; do
    case $argument in -h | --help) ;; *) continue ;; esac
    python=$(find_python) || exit 1
    "$python" "$file" --help
    exit
  done
}

locate_venv_python() {
  venv_python=$venv/bin/python
  [ -x "$venv_python" ] || venv_python=$venv/Scripts/python.exe
}

make_venv() {
  local python
  python=$(find_python) || exit 1
  say "Making .venv with $("$python" --version) (once)"
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" >&2; then
    rm -rf "$venv"
    die "$python cannot make a virtual environment. On Debian and Ubuntu: sudo apt-get install python3-venv"
  fi
  printf '%s\n' "$root" >"$venv/.made-in"
  locate_venv_python
}

# A .venv that was moved with its folder runs Python, but none of its programs.
venv_works() {
  "$venv_python" -c '' >/dev/null 2>&1 || return 1
  [ ! -f "$venv/.made-in" ] || [ "$(cat "$venv/.made-in")" = "$root" ]
}

ensure_venv() {
  local extra=$1 wanted stamp
  locate_venv_python
  venv_works || make_venv
  wanted=$(cksum <"$root/pyproject.toml")
  for stamp in "$venv/.installed-$extra" "$venv/.installed-dev"; do # dev holds everything
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi
  done
  say 'Installing what the project needs (once; a minute or so)'
  (cd "$root" && "$venv_python" -m pip install --quiet --disable-pip-version-check --editable ".[$extra]") >&2 ||
    die 'Installing failed; the lines above say why. Is there a connection to https://pypi.org?'
  printf '%s\n' "$wanted" >"$venv/.installed-$extra"
}
