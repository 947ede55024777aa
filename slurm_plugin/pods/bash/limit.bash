# shellcheck shell=bash disable=SC2034,SC2154
# The time limit. SLURM tells the script that it is near (`--signal=B:USR1@SECONDS`), often a minute
# too early; the containers are stopped when their grace period and the last files just fit in.

sp_limit_margin_seconds=5

# sp_obey_limit: in every round.
sp_obey_limit() {
  local i
  ((sp_limit_asked && !sp_pod_stopping)) || return 0
  [[ -n $sp_limit_at ]] || sp_find_limit
  ((sp_now >= sp_limit_at)) || return 0
  sp_limit_reached=1 sp_term_asked=1
  printf 'the time limit of the job is reached: its containers are stopped\n' >&2
  for i in "${!sp_names[@]}"; do
    sp_kill_message[i]='stopped: the time limit of the job is reached; ask for more time (activeDeadlineSeconds or --time)'
  done
}

# sp_find_limit: sets sp_limit_at to the moment of stopping. A short job keeps half of its time.
sp_find_limit() {
  local end=${SLURM_JOB_END_TIME:-} lead=$((sp_grace_seconds + sp_limit_margin_seconds))
  sp_limit_at=$sp_now
  [[ -n $end ]] || end=$(sp_ask_limit)
  [[ $end =~ ^[0-9]+$ ]] || return 0
  if ((lead > (end - sp_pod_started) / 2)); then
    lead=$(((end - sp_pod_started) / 2))
  fi
  sp_limit_at=$((end - lead))
}

# SLURM before 23.02 does not tell the job.
sp_ask_limit() {
  local text
  text=$(timeout 5 squeue -h -j "$sp_job" -o %e 2>/dev/null) || return 0
  date -d "$text" +%s 2>/dev/null || :
}
