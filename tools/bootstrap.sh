#!/bin/sh
# Finds a Python that can create virtual environments and runs tools/setup.py with it; all arguments are passed on.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

# The versions that ansible-core 2.19 supports come first. Each candidate is tried: pyenv and asdf put shims
# on PATH that exist but do not run, and Debian's python3 may lack ensurepip.
usable() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python3.14 \
    /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.13 /usr/bin/python3; do
    if usable "$name"; then
        exec "$name" "$here/setup.py" "$@"
    fi
done
echo "cutover.smc needs Python 3.11 or later with the modules venv and ensurepip, but none was found." >&2
echo "Install one (on Debian: apt-get install python3 python3-venv), or give its path: make PYTHON=/path/to/python3 ..." >&2
exit 1
