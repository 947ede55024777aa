# shellcheck shell=bash disable=SC2034,SC2154
# postStart and preStop; what they print goes to the container's log.

sp_become_hook() {
  local i=$1 hook=$2
  exec >>"${sp_stem[i]}.out" 2>&1
  "sp_${hook}_$i"
  exit
}

# postStart runs beside the container; probes and readiness wait for it.
sp_begin_post_start() {
  local i=$1
  sp_is_function "sp_post_start_$i" || return 0
  sp_launch sp_become_hook "$i" post_start
  sp_post_start_pid[i]=$sp_launched
}

sp_watch_post_start() {
  local i=$1
  sp_busy=1
  sp_alive "${sp_post_start_pid[i]}" && return 0
  sp_reap "${sp_post_start_pid[i]}"
  sp_post_start_pid[i]=
  if ((sp_code != 0)); then
    sp_kill_message[i]="postStart hook failed with exit code $sp_code; the container was killed"
    sp_message[i]=${sp_kill_message[i]}
    sp_stop "$i" "$sp_grace_seconds"
  fi
  sp_judge_readiness "$i"
  sp_publish "$i"
}

# sp_begin_pre_stop I: false when the container has no such hook.
sp_begin_pre_stop() {
  local i=$1
  sp_is_function "sp_pre_stop_$i" || return 1
  sp_launch sp_become_hook "$i" pre_stop
  sp_pre_stop_pid[i]=$sp_launched
}
