#!/bin/sh
# Make the virtual environment .venv from uv.lock, with nothing but Python >= 3.12 and pip to start from.
# PYTHON=/path/to/python chooses the interpreter; otherwise the first suitable one on PATH (or of pyenv) is taken.
set -eu
cd "$(dirname "$0")/.."

suitable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.14 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
        if [ -n "$candidate" ] && suitable "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

if ! [ -x .venv/bin/python ] || ! suitable .venv/bin/python; then
    if ! python=$(find_python); then
        cat >&2 <<'MESSAGE'
bootstrap: no Python 3.12 or newer with the venv module was found on PATH.
  Install one (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13;
  anywhere: pyenv install 3.13) or name it:  make demo PYTHON=/path/to/python3.13
MESSAGE
        exit 1
    fi
    echo "bootstrap: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

# uv does not look at the system's certificates by itself, which fails behind a private authority.
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv
if ! [ -x .venv/bin/uv ]; then
    echo "bootstrap: installing uv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==0.13.8"
fi
echo "bootstrap: installing the locked packages (about 250 MB to download the first time)"
.venv/bin/uv sync --frozen --inexact --no-progress --quiet "$@" || {
    echo "bootstrap: uv could not install the locked packages; see the message above. Behind a proxy set" >&2
    echo "  HTTPS_PROXY; with a private certificate authority set SSL_CERT_FILE to its bundle." >&2
    exit 1
}
touch .venv/.locked
echo "bootstrap: ready"
