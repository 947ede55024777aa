# shellcheck shell=bash disable=SC2034,SC2154
# Background processes, each the leader of its own process group.

# sp_launch FUNCTION ARGUMENT...: sets sp_launched to the process (and group) id.
sp_launch() {
  set -m
  (
    exec {sp_clock}>&- </dev/null
    "$@"
  ) &
  sp_launched=$!
  set +m
  sp_last_change=$sp_now
}

# sp_alive PID: false once the shell has reaped the process. Cheaper than `kill -0 2>/dev/null`.
sp_alive() {
  [[ -n $1 && -d /proc/$1 ]]
}

# sp_signal_group SIGNAL PID
sp_signal_group() {
  if [[ -n $2 ]]; then
    kill -s "$1" -- "-$2" 2>/dev/null || :
  fi
}

# sp_reap PID: sets sp_code to the exit code of an ended process, kills what it left behind.
sp_reap() {
  sp_code=0
  wait "$1" 2>/dev/null || sp_code=$?
  sp_signal_group KILL "$1"
}

# sp_abandon PID: kills a probe or hook that nobody waits for any more.
sp_abandon() {
  [[ -n $1 ]] || return 0
  sp_signal_group KILL "$1"
  wait "$1" 2>/dev/null || :
}

sp_is_function() {
  declare -F "$1" >/dev/null
}

# sp_read_text FILE: sets sp_text to its beginning, on one line.
sp_read_text() {
  local text=
  if [[ -s $1 ]]; then
    IFS= read -r -d '' -n 2000 text <"$1" || :
  fi
  sp_one_line "$text"
  sp_text=${sp_text%"${sp_text##*[![:space:]]}"}
}
