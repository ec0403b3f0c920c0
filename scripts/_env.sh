# Shared by the scripts beside it: finds a Python, keeps a virtual environment, and sets what every
# run needs. Source it; it moves to the project's root. Nothing here writes to standard output.
# Written for bash 3.2 and later (what macOS ships).

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# An empty HOME is worse than none: without one, Python asks the user database.
[ -n "${HOME:-}" ] || unset HOME
# What would make Python or pip look at, or write to, something other than our environment.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
# Without bytecode, each of the hundreds of processes that the tests start compiles all it imports.
unset PYTHONDONTWRITEBYTECODE
export PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# A proxy must never stand between us and a server on this machine.
for name in no_proxy NO_PROXY; do
  export "$name=${!name:+${!name},}127.0.0.1,localhost,::1"
done

# The pipe may speak ASCII or Latin-1. Unless the caller asked for an encoding we write UTF-8;
# where one is asked for, what it lacks is replaced instead of ending the program.
export PYTHONUTF8=1
case "${PYTHONIOENCODING:-}" in
  "" | *:*) ;;
  *) export PYTHONIOENCODING="$PYTHONIOENCODING:replace" ;;
esac

# A version manager's shim may exist and refuse to run, so each candidate is run.
suits() {
  [ -x "$1" ] && "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Prints the first Python >= 3.11: $PYTHON, else by name on PATH, else in the usual other places.
find_python() {
  local name path
  if [ -n "${PYTHON:-}" ]; then
    path=$(type -P "$PYTHON") && suits "$path" || die "PYTHON=$PYTHON is not a Python >= 3.11"
    printf '%s\n' "$path"
    return
  fi
  for name in python3.13 python3.12 python3.11 python3 python python3.14; do
    while IFS= read -r path; do
      if suits "$path"; then printf '%s\n' "$path"; return; fi
    done < <(type -aP "$name" || true)
  done
  for path in /usr/local/bin/python3* /opt/homebrew/bin/python3* \
    "${HOME:-/nonexistent}"/.pyenv/shims/python3* \
    "${HOME:-/nonexistent}"/.pyenv/versions/*/bin/python3; do
    case "$path" in *-config | *-intel64) continue ;; esac
    if suits "$path"; then printf '%s\n' "$path"; return; fi
  done
  die "no Python >= 3.11 found. Install one, or name it: PYTHON=/path/to/python3 $0"
}

# What an environment was made from: when this changes, it is made again.
fingerprint() {
  "$1" - "$ROOT" "$2" <<'PYTHON'
import hashlib, pathlib, sys

parts = [*sys.argv[1:], sys.version, pathlib.Path(sys.argv[1], "pyproject.toml").read_text()]
print(hashlib.sha256("\0".join(parts).encode()).hexdigest())
PYTHON
}

# Prints what to install, one requirement a line: "runtime", or a dependency group such as "dev".
requirements() {
  "$1" - "$2" "$3" <<'PYTHON'
import sys, tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
name, level = project["project"]["name"], sys.argv[1]
groups = project["dependency-groups"]
wanted = [name] if level == "runtime" else groups[level]
for requirement in wanted:
    if isinstance(requirement, dict):
        wanted.extend(groups[requirement["include-group"]])
    elif not requirement.startswith(name):
        print(requirement)
    elif sys.argv[2] == "installed":
        # The project itself is installed from here, never from an index.
        print(requirement.replace(name, "--editable=."))
    else:
        extras = requirement.removeprefix(name).strip("[]")
        for extra in filter(None, extras.split(",")):
            print(*project["project"]["optional-dependencies"][extra], sep="\n")
        print(*project["project"]["dependencies"], sep="\n")
PYTHON
}

# make_environment BASE FOLDER: an empty environment; its interpreter is in $python, and what
# installs into it in $pip.
make_environment() {
  local base=$1 folder=$2
  rm -rf "$folder"
  case "$folder" in /*) python=$folder/bin/python ;; *) python=$ROOT/$folder/bin/python ;; esac
  # The pip of that Python fills an environment in a third of the time that it takes to put another
  # pip there first; "externally managed" does not apply to an environment.
  if "$base" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (22, 3))' \
    >/dev/null 2>&1; then
    "$base" -m venv --without-pip "$folder" >&2 || die "$base cannot make a virtual environment"
    pip=("$base" -m pip --python "$python")
  else
    "$base" -m venv "$folder" >/dev/null 2>&1 ||
      die "$base has neither pip nor ensurepip. On Debian: apt-get install python3-venv"
    pip=("$python" -m pip)
  fi
}

# Installs what $pip is given; pip's talk is shown only when it fails.
install() {
  local folder=$1
  shift
  # Python compiles what it imports; most of what is installed never is.
  if ! "${pip[@]}" install --no-compile "$@" >"$folder/pip.log" 2>&1; then
    cat "$folder/pip.log" >&2
    die "pip could not install what $folder needs (see above)"
  fi
}

# prepare LEVEL FOLDER: makes sure that FOLDER holds an environment with everything of LEVEL
# ("runtime", or a dependency group) and puts its interpreter in $python. Without a change in
# pyproject.toml nothing is installed, so the second time needs no network.
prepare() {
  local level=$1 folder=$2 base requirement pip project=installed start=$SECONDS
  python=$ROOT/$folder/bin/python
  if suits "$python" && [ -f "$folder/.made-from" ] &&
    [ "$(cat "$folder/.made-from")" = "$(fingerprint "${PYTHON:-$python}" "$level")" ]; then
    return
  fi
  base=$(find_python) || exit 1
  say "$folder: made with $("$base" --version) ($base)"
  make_environment "$base" "$folder"
  # Building the project takes longer than the rest, for the sake of a version number.
  case "$level" in runtime | compatibility | tests | docs) project=linked ;; esac
  local wanted=()
  while IFS= read -r requirement; do
    wanted+=("$requirement")
  done < <(requirements "$python" "$level" "$project")
  say "$folder: installing ${#wanted[@]} packages of \"$level\" and what they need"
  install "$folder" "${wanted[@]}"
  if [ "$project" = linked ]; then
    "$python" -c 'import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "source.pth").write_text(sys.argv[1] + "/src\n")' "$ROOT"
  fi
  fingerprint "$python" "$level" >"$folder/.made-from"
  say "$folder: ready after $((SECONDS - start)) s"
}
