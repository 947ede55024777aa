# shellcheck shell=bash disable=SC2034,SC2154
# Startup, readiness and liveness probes. Probe k of container i: 3*i for startup, 3*i+1 for
# readiness, 3*i+2 for liveness; sp_probe_period[k] and its like exist for probes of the pod only.

sp_has_probe() {
  [[ -n ${sp_probe_period[$1]:-} ]]
}

# sp_begin_probes I: with every run of the container.
sp_begin_probes() {
  local i=$1 k
  for k in $((3 * i)) $((3 * i + 1)) $((3 * i + 2)); do
    sp_probe_pid[k]='' sp_probe_failures[k]=0 sp_probe_successes[k]=0 sp_probe_good[k]=0
    sp_has_probe "$k" || continue
    sp_probe_due[k]=$((sp_started[i] + sp_probe_delay[k]))
  done
  sp_has_probe $((3 * i)) || sp_startup_passed[i]=1
}

sp_end_probes() {
  local i=$1 k
  for k in $((3 * i)) $((3 * i + 1)) $((3 * i + 2)); do
    sp_abandon "${sp_probe_pid[k]:-}"
    sp_probe_pid[k]=
  done
}

# sp_round_of_probes I: in every round while the container runs.
sp_round_of_probes() {
  local i=$1 kind k
  for kind in 0 1 2; do
    k=$((3 * i + kind))
    sp_has_probe "$k" || continue
    if [[ -n ${sp_probe_pid[k]} ]]; then
      sp_busy=1
      sp_watch_probe "$i" "$k" "$kind"
    elif ((sp_now >= sp_probe_due[k])) && sp_probe_has_its_turn "$i" "$kind"; then
      sp_launch_probe "$k"
    fi
  done
}

# The others wait for the startup probe; that one ends with its success. None while postStart runs.
sp_probe_has_its_turn() {
  [[ -z ${sp_post_start_pid[$1]} ]] || return 1
  if (($2 == 0)); then
    ((!sp_startup_passed[$1]))
  else
    ((sp_startup_passed[$1]))
  fi
}

sp_launch_probe() {
  local k=$1 change=$sp_last_change
  sp_launch sp_become_probe "$k"
  sp_last_change=$change
  sp_probe_pid[k]=$sp_launched sp_probe_began[k]=$sp_now
  sp_probe_due[k]=$((sp_now + sp_probe_period[k]))
  sp_busy=1
}

sp_become_probe() {
  exec >"$sp_scratch/probe-$1" 2>&1
  "sp_probe_check_$1"
  exit
}

sp_watch_probe() {
  local i=$1 k=$2 kind=$3
  if ! sp_alive "${sp_probe_pid[k]}"; then
    sp_reap "${sp_probe_pid[k]}"
    sp_read_text "$sp_scratch/probe-$k"
  elif ((sp_now - sp_probe_began[k] > sp_probe_timeout[k])); then
    sp_abandon "${sp_probe_pid[k]}"
    sp_code=1 sp_text="no answer within ${sp_probe_timeout[k]} s"
  else
    return 0
  fi
  sp_probe_pid[k]=
  if ((sp_code == 0)); then
    sp_probe_succeeded "$i" "$k" "$kind"
  else
    sp_probe_failed "$i" "$k" "$kind"
  fi
}

sp_probe_succeeded() {
  local i=$1 k=$2 kind=$3
  sp_probe_failures[k]=0
  sp_probe_successes[k]=$((sp_probe_successes[k] + 1))
  ((sp_probe_successes[k] >= sp_probe_success[k])) || return 0
  sp_probe_good[k]=1
  ((kind != 0)) || sp_startup_passed[i]=1
  sp_message[i]=$sp_text
  sp_judge_readiness "$i"
  sp_publish "$i"
}

sp_probe_failed() {
  local i=$1 k=$2 kind=$3 names=(Startup Readiness Liveness)
  sp_probe_successes[k]=0
  sp_probe_failures[k]=$((sp_probe_failures[k] + 1))
  sp_message[i]="${names[kind]} probe failed: $sp_text"
  if ((sp_probe_failures[k] >= sp_probe_failure[k])); then
    sp_probe_good[k]=0
    ((kind == 1)) || sp_kill_for_probe "$i" "$k"
  fi
  sp_judge_readiness "$i"
  sp_publish "$i"
}

sp_kill_for_probe() {
  local i=$1 k=$2
  sp_kill_message[i]="${sp_message[i]}; the container was killed"
  sp_stop "$i" "${sp_probe_grace[k]:-$sp_grace_seconds}"
}

# Ready: started, startup passed, postStart over, and the readiness probe (if any) content.
sp_judge_readiness() {
  local i=$1 k=$((3 * $1 + 1))
  sp_ready[i]=0
  ((sp_startup_passed[i])) && [[ -z ${sp_post_start_pid[i]} && -z ${sp_stop_deadline[i]} ]] || return 0
  if sp_has_probe "$k"; then
    sp_ready[i]=${sp_probe_good[k]}
  else
    sp_ready[i]=1
  fi
}
