# shellcheck shell=bash disable=SC2034,SC2154
# Starting containers, and what happens in a container's process before the runtime takes over.
#
# sp_phase[i]: waiting (not its turn yet), preparing, running, backoff (before a restart), ended.

sp_reset_containers() {
  local i
  for i in "${!sp_names[@]}"; do
    sp_phase[i]=waiting sp_pid[i]='' sp_restarts[i]=0 sp_published[i]=''
    sp_backoff[i]=0 sp_retry_at[i]=0 sp_prepared[i]=0
    sp_forget_run "$i"
  done
}

# Everything that belongs to one run of a container, not to the container.
sp_forget_run() {
  local i=$1
  sp_started[i]='' sp_finished[i]='' sp_exit[i]='' sp_signal[i]='' sp_ready[i]=''
  sp_reason[i]='' sp_message[i]='' sp_kill_message[i]=''
  sp_post_start_pid[i]='' sp_pre_stop_pid[i]='' sp_stop_deadline[i]='' sp_term_sent[i]=0
  sp_log_size[i]=0 sp_log_grew[i]=0 sp_startup_passed[i]=0
}

# sp_start I: begins a run of a container.
sp_start() {
  local i=$1
  sp_forget_run "$i"
  sp_phase[i]=preparing
  sp_ready[i]=0
  sp_launch sp_become_container "$i"
  sp_pid[i]=$sp_launched
}

# In the container's own process: never returns.
sp_become_container() {
  local i=$1
  sp_redirect_to_log "${sp_stem[i]}.out"
  if ((!sp_prepared[i])) && sp_is_function "sp_prepare_$i"; then
    sp_prepare "$i"
  fi
  printf '%(%s)T' -1 >"$sp_scratch/started-$i"
  "sp_run_$i"
  exit
}

# A failure leaves the file unprepared-I, by which the supervisor tells it from the container's own.
sp_prepare() {
  local i=$1 words=$sp_scratch/prepare-$1
  if ( "sp_prepare_$i" ) 2>"$words"; then
    return 0
  fi
  cat -- "$words"
  tail -n 1 -- "$words" >"$sp_scratch/unprepared-$i"
  exit 125
}

# sp_notice_start I: the runtime has taken over (or is about to).
sp_notice_start() {
  local i=$1 file=$sp_scratch/started-$1
  [[ -s $file ]] || return 0
  IFS= read -r "sp_started[$i]" <"$file" || :
  : >"$file"
  sp_phase[i]=running sp_prepared[i]=1
  sp_begin_probes "$i"
  sp_begin_post_start "$i"
  sp_judge_readiness "$i"
  sp_publish "$i"
}

# sp_restart_later I: waits as Kubernetes does: not at all, 10 s, 20 s ... 5 min, from the start
# again after ten minutes of running.
sp_restart_later() {
  local i=$1 first=${sp_first_backoff_seconds:-10} run_time=0
  [[ -z ${sp_started[i]} ]] || run_time=$((sp_now - sp_started[i]))
  ((run_time < 600)) || sp_backoff[i]=0
  sp_phase[i]=backoff
  sp_retry_at[i]=$((sp_now + sp_backoff[i]))
  sp_message[i]="restarting in ${sp_backoff[i]} s; last exit code ${sp_exit[i]}: ${sp_message[i]}"
  sp_backoff[i]=$((sp_backoff[i] == 0 ? first : sp_backoff[i] * 2))
  ((sp_backoff[i] <= 300)) || sp_backoff[i]=300
  sp_last_exit[i]=${sp_exit[i]}
  sp_started[i]='' sp_finished[i]='' sp_exit[i]='' sp_signal[i]='' sp_ready[i]=0
  sp_reason[i]=CrashLoopBackOff
  sp_publish "$i"
}

sp_restart_if_due() {
  local i=$1
  ((sp_now >= sp_retry_at[i])) || return 0
  sp_restarts[i]=$((sp_restarts[i] + 1))
  sp_keep_log "${sp_stem[i]}"
  rm -f -- "${sp_stem[i]}.index" "$sp_scratch/unprepared-$i"
  sp_start "$i"
}
