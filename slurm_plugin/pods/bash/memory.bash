# shellcheck shell=bash disable=SC2034,SC2154
# Whether the kernel ended processes of this job for want of memory (cgroup v2 and v1).

# sp_oom_files: the kernel's counters for this job's memory cgroup.
sp_find_oom_files() {
  local line path
  sp_oom_files=()
  [[ -r /proc/self/cgroup ]] || return 0
  while IFS= read -r line; do
    path=${line#*:*:}
    case $line in
      0::*) sp_oom_files+=("/sys/fs/cgroup$path/memory.events") ;;
      *:memory:*) sp_oom_files+=("/sys/fs/cgroup/memory$path/memory.oom_control") ;;
    esac
  done </proc/self/cgroup
}

# sp_count_oom: sets sp_oom_count to the number of processes killed so far.
sp_count_oom() {
  local file key value
  sp_oom_count=0
  for file in "${sp_oom_files[@]+"${sp_oom_files[@]}"}"; do
    [[ -r $file ]] || continue
    while read -r key value; do
      [[ $key != oom_kill ]] || sp_oom_count=$((sp_oom_count + value))
    done <"$file"
  done
}

sp_begin_oom_watch() {
  sp_find_oom_files
  sp_count_oom
  sp_oom_seen=$sp_oom_count
}

# True when the count rose since the last call: the container that just ended is the victim.
sp_oom_happened() {
  sp_count_oom
  ((sp_oom_count > sp_oom_seen)) || return 1
  sp_oom_seen=$sp_oom_count
}
