# shellcheck shell=bash disable=SC2034,SC2154
# What the end of a container means for itself and for the pod.

# sp_notice_end I: called in every round while the container has a process.
sp_notice_end() {
  local i=$1
  sp_alive "${sp_pid[i]}" && return 0
  sp_notice_start_before_end "$i"
  sp_drain_log "${sp_pid[i]}"
  sp_reap "${sp_pid[i]}"
  sp_pid[i]=
  sp_last_change=$sp_now
  sp_abandon "${sp_post_start_pid[i]}"
  sp_abandon "${sp_pre_stop_pid[i]}"
  sp_end_probes "$i"
  sp_index_sizes "$i"
  sp_record_end "$i" "$sp_code"
  sp_settle "$i"
}

# A container may end between two rounds; its start counts all the same.
sp_notice_start_before_end() {
  local i=$1
  if [[ ${sp_phase[i]} == preparing && -s $sp_scratch/started-$i ]]; then
    IFS= read -r "sp_started[$i]" <"$sp_scratch/started-$i" || :
    : >"$sp_scratch/started-$i"
    sp_prepared[i]=1
    sp_begin_probes "$i"
  fi
}

sp_record_end() {
  local i=$1 code=$2
  sp_finished[i]=$sp_now sp_exit[i]=$code sp_ready[i]=0 sp_signal[i]=
  if ((code > 128 && code < 193)); then
    sp_signal[i]=$((code - 128))
  fi
  sp_explain_end "$i" "$code"
}

# sp_explain_end I CODE: sets reason and message, in the words of Kubernetes and of the runtimes.
sp_explain_end() {
  local i=$1 code=$2
  sp_reason[i]=Error sp_message[i]=${sp_kill_message[i]}
  if [[ -e $sp_scratch/unprepared-$i ]]; then
    sp_read_text "$sp_scratch/unprepared-$i"
    sp_reason[i]=ErrImagePull sp_message[i]=${sp_text:-the image could not be prepared}
  elif ((code == 0)); then
    sp_reason[i]=Completed
  elif ((code == 126 || code == 127)); then
    sp_reason[i]=ContainerCannotRun
    sp_message[i]=$(tail -n 1 -- "${sp_stem[i]}.out" 2>/dev/null)
  elif ((code == 137)) && sp_oom_happened; then
    sp_reason[i]=OOMKilled sp_message[i]='killed by the kernel: out of memory'
  elif ((sp_limit_reached)); then
    sp_reason[i]=DeadlineExceeded
  fi
}

# sp_settle I: restart, or the end of the container and perhaps of the pod.
sp_settle() {
  local i=$1
  if sp_wants_restart "$i"; then
    sp_restart_later "$i"
  else
    sp_finish "$i"
  fi
}

sp_wants_restart() {
  local i=$1 policy=$sp_restart_policy
  ((!sp_pod_stopping)) || return 1
  case ${sp_kinds[i]} in
    sidecar)
      [[ $policy == Never ]] || policy=Always
      policy=${sp_sidecar_restart_policy:-$policy}
      ;;
    init) [[ $policy == Never ]] || policy=OnFailure ;;
  esac
  case $policy in
    Always) return 0 ;;
    OnFailure) ((sp_exit[i] != 0)) ;;
    *) return 1 ;;
  esac
}

sp_finish() {
  local i=$1
  sp_phase[i]=ended
  sp_publish_end "$i"
  case ${sp_kinds[i]} in
    app) sp_remember_failure "${sp_exit[i]}" ;;
    init) ((sp_exit[i] == 0)) || sp_fail_pod "${sp_exit[i]}" ;;
    sidecar) sp_judge_sidecar_end "$i" ;;
  esac
}

# The first failure is the exit code of the job.
sp_remember_failure() {
  if ((sp_result == 0)); then
    sp_result=$1
  fi
}

# An ended sidecar fails the pod only while others wait for it to start.
sp_judge_sidecar_end() {
  local i=$1
  if ((!sp_pod_stopping && sp_next == i + 1)) && ! ((sp_startup_passed[i])); then
    sp_fail_pod "$((sp_exit[i] == 0 ? 1 : sp_exit[i]))"
  fi
}

sp_fail_pod() {
  sp_remember_failure "$1"
  sp_stop_pod
}
