#!/bin/sh
# The environment, made where there is none or none that runs, and renewed where what it was made from
# has changed: its content, for a checkout changes times alone. `make setup` calls it.
#   sh tools/setup.sh FOLDER PYTHON [given]       given: PYTHON was asked for, no default
set -eu
env=$1 python=$2 given=${3-}

refuse() {
    printf 'error: %s\n  where: %s\n  try:   %s\n' "$1" "$2" "$3" >&2
    exit 1
}

# Version and home of a Python, '-' of one that does not run.
of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.base_prefix)' 2>/dev/null || echo -; }

serves() { case $1 in "3.11 "* | "3.12 "* | "3.13 "*) ;; *) return 1 ;; esac }

wanted=$(of "$python") have=$(of "$env/bin/python")
same=yes
[ "$wanted" = "$have" ] || same=no

# What is finished serves whatever `python3.11` on PATH is today, unless another one is asked for.
if [ -e "$env/.ready" ] && serves "$have" && { [ -z "$given" ] || [ $same = yes ]; }; then
    if cat requirements.lock pyproject.toml | cmp -s - "$env/.ready"; then
        exit 0
    fi
elif ! serves "$have" || [ $same = no ]; then
    serves "$wanted" || refuse "Python 3.11, 3.12 or 3.13 is needed" \
        "$python: $(command -v "$python" || echo "not on PATH") ($("$python" --version 2>&1 || true))" \
        "apt install python3.11 python3.11-venv   or   make setup PYTHON=/path/to/python3.11"
    [ ! -e "$env" ] || echo "$env is of another Python ($have): it is made anew of $wanted"
    "$python" -m venv --clear "$env" || refuse "this Python cannot make an environment" "$python" \
        "apt install python3.11-venv   or   make setup PYTHON=/path/to/python3.11"
fi

# The mark comes last: an interrupted installation is taken up again. Python compiles what it
# imports; compiling everything beforehand would take as long as the download.
pip() { "$env/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
if ! cmp -s requirements.lock "$env/requirements.lock"; then
    pip --no-compile -r requirements.lock || refuse "the packages of requirements.lock cannot be installed" "$env" \
        "connect to the network and type make setup   or, with what is installed, make -o setup TARGET"
    # Images of containers often forbid that, and each job would read torch's sources for seconds.
    if [ -n "${PYTHONDONTWRITEBYTECODE-}" ]; then
        imported='torch, zarr, pandas, statsmodels.api, seaborn, gymnasium, ale_py, nle, dvc.cli, snakemake.cli'
        PYTHONDONTWRITEBYTECODE='' "$env/bin/python" -c "import $imported" || true
    fi
    cp requirements.lock "$env/requirements.lock"
fi
if ! pip --no-deps -e .; then
    "$env/bin/python" -c 'import ilscaling' 2>/dev/null || refuse "the project cannot be installed" "$env" \
        "connect to the network and type make setup"
    # Its code is used where it stands; a new command or version number has to wait.
    echo "pyproject.toml has changed and cannot be installed: the packages are unchanged, so this goes on" >&2
    exit 0
fi
cat requirements.lock pyproject.toml > "$env/.ready"
