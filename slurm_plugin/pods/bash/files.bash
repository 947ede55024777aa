# shellcheck shell=bash disable=SC2034,SC2154
# The pod's files, as slurm_plugin/pods/layout.py describes them.

# sp_stem[i]: path of a container's files without their ending.
sp_name_files() {
  local i
  for i in "${!sp_names[@]}"; do
    if [[ ${sp_kinds[i]} == app ]]; then
      sp_stem[i]=$sp_directory/run-${sp_names[i]}
    else
      sp_stem[i]=$sp_directory/init-${sp_names[i]}
    fi
  done
  sp_scratch=$sp_directory/.supervisor
}

# sp_write_whole FILE TEXT: the file is seen with all of its text or not at all.
sp_write_whole() {
  printf '%s' "$2" >"$1.new" && mv -f -- "$1.new" "$1"
}

# sp_text: TEXT on one line, without control characters, at most 500 characters.
sp_one_line() {
  sp_text=${1//[[:cntrl:]]/ }
  sp_text=${sp_text:0:500}
}

# sp_add KEY VALUE: one more line for the state being put together; nothing for an empty value.
sp_add() {
  [[ -z $2 ]] || sp_lines+="$1=$2"$'\n'
}

sp_state_lines() {
  local i=$1
  sp_lines=
  sp_add job "$sp_job"
  sp_add requeue "$sp_requeue"
  sp_add restarts "${sp_restarts[i]}"
  sp_add started "${sp_started[i]}"
  sp_add ready "${sp_ready[i]}"
  sp_add finished "${sp_finished[i]}"
  sp_add exit "${sp_exit[i]}"
  sp_add signal "${sp_signal[i]}"
  sp_add reason "${sp_reason[i]}"
  sp_one_line "${sp_message[i]}"
  sp_add message "$sp_text"
}

# sp_publish I: writes a container's state file when it has changed.
sp_publish() {
  local i=$1
  sp_state_lines "$i"
  [[ $sp_lines != "${sp_published[i]}" ]] || return 0
  if sp_write_whole "${sp_stem[i]}.state" "$sp_lines"; then
    sp_published[i]=$sp_lines
  fi
}

# sp_publish_end I: the state, and the Go plugin's file with the exit code.
sp_publish_end() {
  sp_publish "$1"
  sp_write_whole "${sp_stem[$1]}.status" "${sp_exit[$1]}"$'\n'
}

sp_publish_pod() {
  sp_lines=
  sp_add job "$sp_job"
  sp_add requeue "$sp_requeue"
  sp_add node "${HOSTNAME:-}"
  sp_add started "$sp_pod_started"
  sp_add stopped "$sp_pod_stopped"
  sp_add finished "$sp_pod_finished"
  sp_add exit "$sp_pod_exit"
  sp_write_whole "$sp_directory/pod.state" "$sp_lines"
}

# Writes once more what a file system lost or refused before; the job must not end without it.
sp_make_sure_of_files() {
  local i
  for i in "${!sp_names[@]}"; do
    [[ ${sp_phase[i]} == ended ]] || continue
    [[ -s ${sp_stem[i]}.state ]] || sp_published[i]=
    [[ -s ${sp_stem[i]}.status ]] || sp_publish_end "$i"
    sp_publish "$i"
  done
}
