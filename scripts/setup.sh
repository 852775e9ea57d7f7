#!/usr/bin/env bash
# Makes .venv in the repository and installs the package with the named extras; quick and silent when
# that is done already. run.sh and test.sh call it.
#
# Usage: bash scripts/setup.sh [extra ...]        for example: bash scripts/setup.sh ocr dev
# PYTHON names the interpreter to use (Python 3.11 or newer); otherwise one is looked for.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/.venv"
log="$venv/setup.log"
libraries="libusb-1.0.so.0 libEGL.so.1 libGL.so.1 libX11.so.6 libgomp.so.1"
library_packages="libusb-1.0-0 libegl1 libgl1 libx11-6 libgomp1"

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "Set-up failed: $1"
  if [ -s "$log" ]; then
    say "The last lines of $log:"
    tail -n 25 "$log" >&2
  fi
  exit 1
}

# Changed pins, and a checkout that was moved, give another key and so another installation.
key="$({ printf '%s\n' "$root"; cat "$root/pyproject.toml" "$root/constraints.txt"; } | cksum | tr ' ' '-')"

is_installed() {
  [ -x "$venv/bin/python" ] || return 1
  local part
  for part in base "$@"; do
    [ -e "$venv/.installed-$key-$part" ] || return 1
  done
}

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# One set-up at a time. The system ends flock's lock with the process; without flock a folder is the lock.
lock() {
  mkdir -p "$venv"
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$venv/.lock"
    flock -n 9 && return
    say "Another set-up of $root is running; waiting for it."
    flock 9
    return
  fi
  local told="" owner
  until mkdir "$venv/.lock.d" 2>/dev/null; do
    [ -n "$told" ] || say "Another set-up of $root is running; waiting for it."
    told=yes
    sleep 1
    owner="$(cat "$venv/.lock.d/pid" 2>/dev/null || true)"
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
      rm -rf "$venv/.lock.d"
    fi
  done
  echo "$$" >"$venv/.lock.d/pid"
  trap 'rm -rf "$venv/.lock.d"' EXIT
}

make_environment() {
  if [ -x "$venv/bin/python" ]; then
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    "$venv/bin/python" -m ensurepip >"$log" 2>&1 && return
  fi
  local python
  python="$(find_python)" || fail "no Python 3.11 or newer with venv was found; install one \
(Debian and Ubuntu: apt install python3.11-venv) or name it in PYTHON."
  say "Set-up 1/3: making .venv with $("$python" --version) (some seconds)"
  rm -rf "$venv/bin" "$venv/lib" "$venv/include" "$venv/pyvenv.cfg"
  "$python" -m venv "$venv" >"$log" 2>&1 || fail "$python cannot make $venv."
}

install_packages() {
  # Extras of an earlier set-up stay, so that run.sh and test.sh do not undo each other's work.
  local extras="" part
  for part in $(cd "$venv" && ls -A | sed -n 's/^\.installed-.*-\([a-z0-9]*\)$/\1/p' | grep -vx base) "$@"; do
    case ",$extras," in *",$part,"*) ;; *) extras="${extras:+$extras,}$part" ;; esac
  done
  say "Set-up 2/3: installing the packages${extras:+ with $extras} (2 to 5 minutes the first time, 2 GB)"
  rm -f "$venv"/.installed-*
  (cd "$root" && "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
    --progress-bar off -c constraints.txt -e ".${extras:+[$extras]}") >"$log" 2>&1 \
    || fail "the packages cannot be installed."
  installed="$extras"
}

install_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  local missing="" library known
  known="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)"
  [ -n "$known" ] || return 0
  for library in $libraries; do
    case "$known" in *"$library"*) ;; *) missing="$missing $library" ;; esac
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Set-up 3/3: installing system libraries of Open3D (less than a minute)"
    # shellcheck disable=SC2086
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      $library_packages; } >"$log" 2>&1; then
      return 0
    fi
  fi
  say "Open3D lacks the system libraries$missing. The quickstart needs them; install"
  say "the packages $library_packages (Debian and Ubuntu: sudo apt-get install $library_packages)."
}

# The tests of pages open them in a browser; without one they are skipped.
install_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && return 0
  done
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
  say "Installing Chromium for the tests of pages (a minute)"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
    >"$log" 2>&1 || say "Chromium cannot be installed; the tests of pages are skipped."
}

is_installed "$@" && exit 0
lock
is_installed "$@" && exit 0
make_environment
install_packages "$@"
install_libraries
case " $* " in *" dev "*) install_browser ;; esac
for part in base $(printf '%s' "$installed" | tr ',' ' '); do
  : >"$venv/.installed-$key-$part"
done
say "Set-up done."
