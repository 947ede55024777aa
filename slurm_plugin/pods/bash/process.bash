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

# sp_abandon PID: ends a probe or hook that nobody waits for any more. A runtime that is killed at
# once leaves its helpers behind (Apptainer: the FUSE server of the image), so TERM comes first.
sp_abandon() {
  local _
  [[ -n $1 ]] || return 0
  kill -s TERM -- "$1" 2>/dev/null || :
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    sp_alive "$1" || break
    read -r -t 0.05 -u "$sp_clock" _ || :
  done
  sp_signal_group KILL "$1"
  wait "$1" 2>/dev/null || :
}

# Kills what is left of the containers: helpers of a killed runtime, which have process groups of
# their own. They are known by their session, which is that of the script's slurmstepd.
sp_kill_strays() {
  local stat session own step
  [[ -r /proc/$PPID/comm && $(<"/proc/$PPID/comm") == slurmstepd* ]] || return 0
  sp_read_stat "/proc/$$/stat" || return 0
  session=${sp_stat[3]} own=${sp_stat[2]}
  sp_read_stat "/proc/$PPID/stat" || return 0
  step=${sp_stat[2]}
  for stat in /proc/[0-9]*/stat; do
    sp_read_stat "$stat" || continue
    [[ ${sp_stat[3]} == "$session" ]] || continue
    if [[ ${sp_stat[2]} != "$own" && ${sp_stat[2]} != "$step" ]]; then
      stat=${stat#/proc/}
      kill -s KILL -- "${stat%/stat}" 2>/dev/null || :
    fi
  done
}

# sp_read_stat FILE: sets sp_stat to state, parent, process group, session ... (proc(5)).
sp_read_stat() {
  local line
  IFS= read -r line 2>/dev/null <"$1" || return 1
  IFS=' ' read -r -a sp_stat <<<"${line##*) }"
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
