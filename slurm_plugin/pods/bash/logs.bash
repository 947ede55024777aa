# shellcheck shell=bash disable=SC2034,SC2154
# Container logs: where they go, how large they were at which time.

# In the container's own process: stdout and stderr go to its log from here on.
sp_redirect_to_log() {
  if ((sp_max_log_bytes > 0)); then
    exec > >(sp_capped_log "$1") 2>&1
  else
    exec >>"$1" 2>&1
  fi
}

# Keeps the first bytes up to the cap (whole KiB), reads on so that the container is not stopped by
# its log. Not ended by the container's TERM: the last words arrive after it. It ends with the pipe.
sp_capped_log() {
  trap '' TERM XFSZ
  if ! (ulimit -f $(((sp_max_log_bytes + 1023) / 1024)) && cat) >>"$1" 2>/dev/null; then
    printf '\n[log cut: it reached %s bytes]\n' "$sp_max_log_bytes" >>"$1"
    cat >/dev/null
  fi
}

# sp_drain_log PID: a moment for the capped log to take what is in the pipe still.
sp_drain_log() {
  local _
  ((sp_max_log_bytes > 0)) || return 0
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    read -r -t 0.05 -u "$sp_clock" _ || :
  done
}

# Adds a line to the index of every log that grew. A log that is no newer than its index is not
# looked at (no process); one that grew last time is looked at again, since file times are coarse.
sp_index_logs() {
  local i candidates=()
  for i in "${!sp_names[@]}"; do
    case ${sp_phase[i]} in
      preparing | running) ;;
      *) continue ;;
    esac
    if ((sp_log_grew[i])) || sp_log_is_newer "${sp_stem[i]}"; then
      candidates+=("$i")
    fi
  done
  ((sp_now != sp_indexed_at && ${#candidates[@]})) || return 0
  sp_indexed_at=$sp_now
  sp_index_sizes "${candidates[@]}"
}

# An empty log has no index, and is older than any.
sp_log_is_newer() {
  [[ -s $1.out && $1.out -nt $1.index ]]
}

sp_index_sizes() {
  local i sizes files=()
  for i in "$@"; do
    files+=("${sp_stem[i]}.out")
  done
  # All or nothing: with one log missing the sizes could not be told apart.
  sizes=$(stat -L -c %s -- "${files[@]}" 2>/dev/null) || return 0
  for i in "$@"; do
    sp_index_size "$i" "${sizes%%$'\n'*}"
    sizes=${sizes#*$'\n'}
  done
}

sp_index_size() {
  local i=$1 size=$2
  sp_log_grew[i]=0
  ((size != sp_log_size[i])) || return 0
  sp_log_grew[i]=1
  sp_log_size[i]=$size
  printf '%s %s\n' "$size" "$sp_now" >>"${sp_stem[i]}.index"
}
