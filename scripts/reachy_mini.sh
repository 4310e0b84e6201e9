#!/usr/bin/env bash
# Makes .venv-reachy-mini, with the daemon of Reachy Mini's maker and its MuJoCo simulation (400 MB).
# Doing it again takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV="${REACHY_MINI_VENV:-$PWD/.venv-reachy-mini}"
PYTHON=/usr/bin/python3 # which sees Debian's python3-gi

fail() {
    printf 'reachy_mini: %s\n' "$*" >&2
    exit 2
}

wanted="$(sha256sum <requirements/reachy_mini.txt)"
[ "$(cat "$VENV/.done" 2>/dev/null)" = "$wanted" ] && exit 0
"$PYTHON" -c '
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
' 2>/dev/null || missing="python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0"
PATH="$PATH:/usr/sbin:/sbin" ldconfig -p | grep -q libOSMesa || missing="${missing:-} libosmesa6"
# It asks for a PyGObject that newer Debians no longer have: pip builds it.
"$PYTHON" -c '
import gi
raise SystemExit(gi.version_info > (3, 46, 0))
' 2>/dev/null || pkg-config --exists gobject-introspection-1.0 cairo 2>/dev/null ||
    missing="${missing:-} pkg-config libcairo2-dev libgirepository1.0-dev python3-dev gcc"
[ -z "${missing:-}" ] || fail "the maker's daemon needs: sudo apt install ${missing# }"
printf '\033[1m==> The daemon of Reachy Mini, from PyPI, in %s\033[0m\n' "${VENV##*/}"
"$PYTHON" -m venv --system-site-packages "$VENV" || fail "python3-venv is missing: sudo apt install python3-venv"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements/reachy_mini.txt ||
    fail "pip could not install it, see its message above"
printf '%s' "$wanted" >"$VENV/.done"
