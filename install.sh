#!/bin/sh
# Installs wassette, shows it, or tests it. POSIX sh; everything is in functions and main is called on the last line, so that a
# truncated copy does nothing.
set -eu

usage() {
    cat <<'END'
usage: ./install.sh [--prefix DIR]     install DIR/bin/wassette and DIR/lib/wassette (default DIR: ~/.local)
       ./install.sh --uninstall [--prefix DIR]
       ./install.sh --demo             show the main job on the example components, installing nothing outside this folder
       ./install.sh --test             check and test this checkout

Needs Python 3.11 or newer and a package index that pip can reach. PYTHON=/path/to/python3 chooses the Python.
END
}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    [ $# -lt 2 ] || say "hint: $2"
    exit 1
}

# A Python that is new enough and can make virtual environments, on stdout.
find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 python; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer with the venv module was found" \
        "install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: PYTHON=/path/to/python3 ./install.sh"
}

# make_venv FOLDER: a virtual environment there, kept when it works.
make_venv() {
    if ! "$1/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$(find_python)
        say "making a virtual environment with $python"
        "$python" -m venv --clear "$1" || fail "no virtual environment could be made in $1"
    fi
}

# install_into VENV WORD...: pip, with the versions that were tested together, also for what builds the package.
install_into() {
    venv=$1
    shift
    # NOTE: pip splits PIP_CONSTRAINT at spaces, so it gets a path from here.
    (
        cd "$source"
        PIP_CONSTRAINT=.ci/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 \
            "$venv/bin/python" -I -m pip install --quiet "$@"
    ) || fail "pip could not install wassette" "its reason is above; can this machine reach a package index?"
}

# own_venv KIND: the checkout's .venv with the package as it stands here, and for `test` the development tools; kept while nothing it is made of changes.
own_venv() {
    make_venv "$source/.venv"
    made_of=$(cat "$source/pyproject.toml" "$source/.ci/constraints.txt" "$source/.venv/pyvenv.cfg" | cksum)
    if [ "$(cat "$source/.venv/made-of-$1" 2>/dev/null)" != "$made_of" ]; then
        say "installing into $source/.venv"
        if [ "$1" = test ]; then
            "$source/.venv/bin/python" - "$source/pyproject.toml" >"$source/.venv/development.txt" <<'END'
import sys, tomllib
print(*tomllib.load(open(sys.argv[1], "rb"))["dependency-groups"]["dev"], sep="\n")
END
            install_into "$source/.venv" -r "$source/.venv/development.txt" --editable "$source"
            printf '%s\n' "$made_of" >"$source/.venv/made-of-demo"
        else
            install_into "$source/.venv" --editable "$source"
        fi
        printf '%s\n' "$made_of" >"$source/.venv/made-of-$1"
    fi
}

# check_ours: refuses to touch a command or a folder of this name that this script did not make.
check_ours() {
    if [ -e "$library" ] && [ ! -e "$library/.made-by-install.sh" ]; then
        fail "$library was not made by this script" "remove it, or choose another place: ./install.sh --prefix DIR"
    fi
    if [ -e "$link" ] || [ -h "$link" ]; then
        [ "$(readlink "$link" 2>/dev/null)" = "$target" ] ||
            fail "$link was not made by this script" "remove it, or choose another place: ./install.sh --prefix DIR"
    fi
}

install() {
    check_ours
    mkdir -p "$prefix/bin" "$library/tmp"
    : >"$library/.made-by-install.sh"
    make_venv "$library/venv"
    say "installing wassette into $library"
    TMPDIR="$library/tmp" install_into "$library/venv" --no-cache-dir --upgrade "$source"
    for folder in examples policies; do
        rm -rf "${library:?}/$folder"
        cp -R "$source/$folder" "$library/$folder"
    done
    find "$library/examples" -name __pycache__ -prune -exec rm -rf {} +
    rm -rf "$library/examples/query/query.wasm" "$library/tmp"
    ln -sf "$target" "$link"
    say "installed: $("$link" --version)"
    case ":$PATH:" in
        *":$prefix/bin:"*) say "try: wassette component load 'oci-layout://$library/examples/oci-layout:time'" ;;
        *) say "$prefix/bin is not on your PATH; add it, or call $link" ;;
    esac
}

uninstall() {
    check_ours
    if [ ! -e "$library" ] && [ ! -h "$link" ]; then
        say "wassette is not installed in $prefix"
        return
    fi
    rm -rf "$link" "$library"
    rmdir "$prefix/bin" "$prefix/lib" "$prefix" 2>/dev/null || :
    say "removed $link and $library"
    say "components, policies and settings are still where 'wassette config show' said; remove them yourself when you want to"
}

# step TITLE COMMAND...: runs it; a failure is remembered, so that one run shows them all.
step() {
    say ""
    say "== $1"
    shift
    "$@" || failed="$failed
  $*"
}

run_tests() {
    cd "$source"
    own_venv test
    PATH="$source/.venv/bin:$PATH"
    export PATH
    failed=
    step "lint" ruff check .
    step "format" ruff format --check .
    step "types" mypy
    coverage erase
    step "tests" coverage run -m pytest
    # Tests kill processes while these write their data; what cannot be read is counted as not covered.
    coverage combine --quiet || :
    rm -f .coverage.*
    step "branch coverage" coverage report
    [ -z "$failed" ] || fail "these failed:$failed"
    say ""
    say "everything passed"
}

run_demo() {
    own_venv demo
    exec "$source/.venv/bin/python" "$source/examples/demo.py"
}

main() {
    source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
    prefix=
    action=install
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix) [ -n "${2:-}" ] || { usage >&2; exit 2; }; prefix=$2; shift ;;
            --prefix=?*) prefix=${1#--prefix=} ;;
            --uninstall) action=uninstall ;;
            --demo) action=run_demo ;;
            --test) action=run_tests ;;
            -h | --help) usage; exit 0 ;;
            *) usage >&2; exit 2 ;;
        esac
        shift
    done
    case $prefix:$action:${HOME:-} in
        :run_* | :*install:/*) prefix=${HOME:-}/.local ;;
        :*) fail "HOME names no directory to install into" "./install.sh --prefix DIR" ;;
    esac
    case $prefix in
        /*) ;;
        *) prefix=$(pwd -P)/$prefix ;;
    esac
    library=$prefix/lib/wassette
    link=$prefix/bin/wassette
    target=../lib/wassette/venv/bin/wassette
    "$action"
}

main "$@"
