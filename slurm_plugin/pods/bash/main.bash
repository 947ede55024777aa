# shellcheck shell=bash disable=SC2034,SC2154
# The supervising loop. The exit code of the job is the first failing app container's, else 0;
# a failed init container's code when the apps never ran; 143 when TERM came before any app.

sp_main() {
  set -u
  sp_declare
  trap 'sp_term_asked=1' TERM
  trap 'sp_limit_asked=1' USR1
  sp_unpack || exit
  sp_name_files
  sp_claim
  sp_reset_containers
  sp_open_clock
  sp_read_clock
  sp_pod_started=$sp_now sp_last_change=$sp_now
  sp_publish_pod
  sp_install_traps
  sp_run_operator_shell
  sp_begin_oom_watch
  sp_supervise
  exit "$sp_result"
}

# Everything that changes while the pod runs.
sp_declare() {
  sp_stem=() sp_phase=() sp_pid=() sp_restarts=() sp_started=() sp_finished=() sp_exit=()
  sp_signal=() sp_ready=() sp_reason=() sp_message=() sp_kill_message=() sp_published=()
  sp_post_start_pid=() sp_pre_stop_pid=() sp_stop_deadline=() sp_term_sent=()
  sp_log_size=() sp_log_grew=() sp_startup_passed=() sp_backoff=() sp_retry_at=() sp_last_exit=()
  sp_prepared=()
  sp_probe_pid=() sp_probe_failures=() sp_probe_successes=() sp_probe_good=() sp_probe_due=()
  sp_probe_began=()
  sp_next=0 sp_result=0 sp_pod_stopping=0 sp_pod_deadline=0 sp_term_asked=0 sp_busy=0
  sp_limit_asked=0 sp_limit_at='' sp_limit_reached=0
  sp_indexed_at=0 sp_pod_stopped='' sp_pod_finished='' sp_pod_exit=''
}

sp_install_traps() {
  trap 'sp_term_asked=1' TERM
  trap 'sp_limit_asked=1' USR1
  trap 'sp_on_exit $?' EXIT
}

# The operator's lines run in this shell, since they set up its environment; what they change of
# the shell's own behaviour is undone.
sp_run_operator_shell() {
  local code=0
  set +u
  sp_before_containers || code=$?
  set +e +f -u
  IFS=$' \t\n'
  sp_install_traps
  if ((code != 0)); then
    printf 'the commands before the containers failed with exit code %s\n' "$code" >&2
    exit "$code"
  fi
}

sp_supervise() {
  local i
  while :; do
    sp_read_clock
    sp_busy=0
    sp_obey_limit
    sp_obey_term
    sp_advance
    for i in "${!sp_names[@]}"; do
      sp_round_of_container "$i"
    done
    sp_round_of_sidecars
    sp_index_logs
    sp_is_over && return 0
    sp_pause
  done
}

sp_obey_term() {
  local i
  ((sp_term_asked && !sp_pod_stopping)) || return 0
  for i in "${!sp_names[@]}"; do
    if [[ ${sp_phase[i]} == waiting ]]; then
      sp_remember_failure 143
    fi
  done
  # Whoever reads the containers' ends knows then that they were not their own doing.
  sp_pod_stopped=$sp_now
  sp_publish_pod
  sp_stop_pod
}

# Starts those whose turn has come: init and sidecar containers one after the other, then all apps.
sp_advance() {
  ((!sp_pod_stopping)) || return 0
  while ((sp_next < ${#sp_names[@]})) && sp_has_passed $((sp_next - 1)); do
    sp_start "$sp_next"
    sp_next=$((sp_next + 1))
  done
}

sp_has_passed() {
  local i=$1
  ((i >= 0)) || return 0
  case ${sp_kinds[i]} in
    app) return 0 ;;
    sidecar) ((sp_startup_passed[i])) && [[ -z ${sp_post_start_pid[i]} ]] ;;
    init) [[ ${sp_phase[i]} == ended ]] ;;
  esac
}

sp_round_of_container() {
  local i=$1
  case ${sp_phase[i]} in
    preparing)
      sp_notice_start "$i"
      ;;
    backoff)
      sp_restart_if_due "$i"
      return 0
      ;;
    running) ;;
    *) return 0 ;;
  esac
  if [[ -n ${sp_post_start_pid[i]} ]]; then
    sp_watch_post_start "$i"
  fi
  if [[ -n ${sp_stop_deadline[i]} ]]; then
    sp_watch_stop "$i"
  elif [[ ${sp_phase[i]} == running ]]; then
    sp_round_of_probes "$i"
  fi
  sp_notice_end "$i"
}

sp_is_over() {
  local i
  ((sp_pod_stopping || sp_next == ${#sp_names[@]})) || return 1
  for i in "${!sp_names[@]}"; do
    case ${sp_phase[i]} in
      preparing | running | backoff) return 1 ;;
    esac
  done
}

sp_on_exit() {
  trap '' TERM USR1
  trap - EXIT
  sp_kill_all
  if declare -F sp_after_containers >/dev/null; then
    sp_after_containers
  fi
  sp_kill_strays
  sp_make_sure_of_files
  sp_read_clock
  sp_pod_finished=$sp_now sp_pod_exit=$1
  sp_publish_pod
  rm -rf -- "$sp_scratch"
  exit "$1"
}
