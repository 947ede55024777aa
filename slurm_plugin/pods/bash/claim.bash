# shellcheck shell=bash disable=SC2034,SC2154
# Taking over the pod's directory from an earlier run of the job (requeue, new job id).

sp_claim() {
  sp_job=${SLURM_JOB_ID:-0}
  sp_requeue=${SLURM_RESTART_COUNT:-0}
  if sp_is_another_run; then
    sp_remove_earlier_run
  fi
  if [[ -e $sp_scratch ]]; then
    rm -rf -- "$sp_scratch"
  fi
  mkdir -m 700 -- "$sp_scratch"
}

sp_is_another_run() {
  local line
  ((sp_requeue == 0)) || return 0
  [[ -e $sp_directory/pod.state ]] || return 1
  while IFS= read -r line; do
    case $line in
      job="$sp_job") return 1 ;;
      job=*) return 0 ;;
    esac
  done <"$sp_directory/pod.state"
  return 0
}

sp_remove_earlier_run() {
  local stem old=("$sp_directory/pod.state")
  for stem in "${sp_stem[@]}"; do
    old+=("$stem.state" "$stem.status" "$stem.index")
    sp_keep_log "$stem"
  done
  rm -f -- "${old[@]}"
}

# sp_keep_log STEM: the log becomes the log of the previous run; what it never wrote stays away.
sp_keep_log() {
  if [[ -e $1.out ]]; then
    mv -f -- "$1.out" "$1.previous.out"
  fi
}
