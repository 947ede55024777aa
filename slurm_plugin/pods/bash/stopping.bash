# shellcheck shell=bash disable=SC2034,SC2154
# Stopping containers: preStop, then TERM, KILL to the process group when the grace is over.

# sp_stop_pod: at TERM (delete, time limit), or after a failed init container.
sp_stop_pod() {
  local i
  ((!sp_pod_stopping)) || return 0
  sp_pod_stopping=1
  sp_pod_deadline=$((sp_now + sp_grace_seconds))
  sp_last_change=$sp_now
  for i in "${!sp_names[@]}"; do
    [[ ${sp_kinds[i]} == sidecar ]] || sp_stop "$i" "$sp_grace_seconds"
  done
}

# sp_stop I GRACE
sp_stop() {
  local i=$1 grace=$2
  [[ -z ${sp_stop_deadline[i]} ]] || return 0
  case ${sp_phase[i]} in
    backoff) sp_end_in_backoff "$i" ;;
    preparing | running)
      sp_stop_deadline[i]=$((sp_now + grace))
      sp_end_probes "$i"
      if [[ ${sp_phase[i]} == preparing ]] || ! sp_begin_pre_stop "$i"; then
        sp_send_term "$i"
      fi
      ;;
  esac
}

# A container that waits for its restart ends with the exit code that it had.
sp_end_in_backoff() {
  local i=$1
  sp_record_end "$i" "${sp_last_exit[i]}"
  sp_message[i]='stopped while it waited for its restart'
  sp_finish "$i"
}

# To the container's first process only, as in Kubernetes: runtimes pass it on, so that a container
# whose whole group got it would get it twice.
sp_send_term() {
  sp_term_sent[$1]=1
  kill -s TERM -- "${sp_pid[$1]}" 2>/dev/null || :
}

# sp_watch_stop I: in every round while the container stops.
sp_watch_stop() {
  local i=$1
  sp_busy=1
  if ((sp_now >= sp_stop_deadline[i])); then
    sp_end_grace "$i"
  elif ((!sp_term_sent[i])) && ! sp_alive "${sp_pre_stop_pid[i]}"; then
    sp_reap "${sp_pre_stop_pid[i]}"
    sp_pre_stop_pid[i]=
    sp_send_term "$i"
  fi
}

# A preStop hook that used up the grace leaves the container two seconds, as in Kubernetes.
sp_end_grace() {
  local i=$1
  if ((sp_term_sent[i])); then
    sp_signal_group KILL "${sp_pid[i]}"
    return 0
  fi
  sp_abandon "${sp_pre_stop_pid[i]}"
  sp_pre_stop_pid[i]=
  sp_stop_deadline[i]=$((sp_now + 2))
  sp_send_term "$i"
}

# Sidecars end when all others have ended, last one first.
sp_round_of_sidecars() {
  local i last
  ((sp_pod_stopping)) || sp_no_others_left || return 0
  for ((last = ${#sp_names[@]} - 1; last >= 0; last--)); do
    i=$last
    case ${sp_phase[i]} in
      preparing | running | backoff) ;;
      *) continue ;;
    esac
    [[ ${sp_kinds[i]} == sidecar ]] || return 0
    sp_begin_sidecar_stop "$i"
    return 0
  done
}

sp_begin_sidecar_stop() {
  local i=$1 grace
  if ((!sp_pod_stopping)); then
    sp_pod_stopping=1
    sp_pod_deadline=$((sp_now + sp_grace_seconds))
  fi
  grace=$((sp_pod_deadline - sp_now))
  sp_stop "$i" "$((grace < 2 ? 2 : grace))"
}

# All containers had their turn, and only sidecars are left.
sp_no_others_left() {
  local i
  ((sp_next == ${#sp_names[@]})) || return 1
  for i in "${!sp_names[@]}"; do
    [[ ${sp_kinds[i]} == sidecar || ${sp_phase[i]} == ended ]] || return 1
  done
}

# Nothing may outlive the script, whatever ended it.
sp_kill_all() {
  local i
  for i in "${!sp_names[@]}"; do
    sp_abandon "${sp_pid[i]}"
    sp_abandon "${sp_post_start_pid[i]}"
    sp_abandon "${sp_pre_stop_pid[i]}"
    sp_end_probes "$i"
  done
}
