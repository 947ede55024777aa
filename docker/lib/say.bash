# shellcheck shell=bash
# Words for the person who runs the scripts. Sourced by docker/cluster.

say() {
  printf '==> %s\n' "$1" >&2
}

die() {
  printf 'docker/cluster: %s\n' "$1" >&2
  exit 2
}

# Runs a command with its output in a log file; shows the end of it when the command fails.
quietly() {
  local log=$1 what=$2
  shift 2
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    die "$what failed; the whole output is in $log"
  fi
}
