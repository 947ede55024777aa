# shellcheck shell=bash disable=SC2034,SC2154
# Getting environments and images ready on the node, for slurm_plugin/pods/runtimes.
#
# Environment files hold NAME=value records, each ended by a NUL (slurm_plugin.pods.environment).

# What SLURM and launchers tell a task, for runtimes that start with a clean environment.
# sp_export_job_environment PREFIX...
sp_export_job_environment() {
  local sp_name sp_prefix
  for sp_name in "${!SLURM_@}" "${!PMI_@}" "${!PMIX_@}" "${!OMPI_@}" SLURMD_NODENAME \
    CUDA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES ZE_AFFINITY_MASK GPU_DEVICE_ORDINAL; do
    [[ -n ${!sp_name+set} ]] || continue
    for sp_prefix in "$@"; do
      export "$sp_prefix$sp_name=${!sp_name}"
    done
  done
}

# The values reach the runtime through its own environment: never through arguments, which every
# user of the node can read.
sp_environment_singularity() {
  local sp_record sp_prefix sp_prefixes=(SINGULARITYENV_ APPTAINERENV_)
  export SINGULARITY_NO_EVAL=1 APPTAINER_NO_EVAL=1
  if [[ $1 == *apptainer* || $(type -P "$1") -ef $(type -P apptainer) ]]; then
    sp_prefixes=(APPTAINERENV_)
    unset SINGULARITY_NO_EVAL
  fi
  sp_options=()
  sp_export_job_environment "${sp_prefixes[@]}"
  [[ -r $2 ]] || return 0
  while IFS= read -r -d '' sp_record; do
    for sp_prefix in "${sp_prefixes[@]}"; do
      export "$sp_prefix$sp_record"
    done
  done <"$2"
}

# ch-run hands its own environment on. Its file of variables has one on a line (the quotes are
# taken off, nothing is expanded), so only values with a newline have to be exported.
sp_environment_charliecloud() {
  local sp_record sp_lines='' sp_file
  export USER=${USER:-$(id -un 2>/dev/null)}
  sp_options=()
  [[ -r $2 ]] || return 0
  while IFS= read -r -d '' sp_record; do
    if [[ $sp_record == *$'\n'* ]]; then
      sp_export_harmless "$sp_record"
    else
      sp_lines+="${sp_record%%=*}='${sp_record#*=}'"$'\n'
    fi
  done <"$2"
  [[ -n $sp_lines ]] || return 0
  exec {sp_file}<<<"${sp_lines%$'\n'}"
  sp_options=(--env-no-expand "--set-env=/dev/fd/$sp_file")
}

sp_environment_enroot() {
  local sp_record sp_name
  sp_options=()
  for sp_name in "${!SLURM_@}" "${!PMI_@}" "${!PMIX_@}" SLURMD_NODENAME CUDA_VISIBLE_DEVICES; do
    [[ -z ${!sp_name+set} ]] || sp_options+=(--env "$sp_name")
  done
  [[ -r $2 ]] || return 0
  while IFS= read -r -d '' sp_record; do
    if [[ $sp_record == *$'\n'* ]]; then
      printf 'variable %s is left out: Enroot passes single lines only\n' "${sp_record%%=*}" >&2
    elif sp_export_harmless "$sp_record"; then
      sp_options+=(--env "${sp_record%%=*}")
    fi
  done <"$2"
}

# sp_export_harmless RECORD: not those by which a program of the node would be steered.
sp_export_harmless() {
  case ${1%%=*} in
    LD_* | ENROOT_* | BASH* | ENV | IFS | PATH | PS4 | SHELLOPTS | GCONV_PATH | sp_* | *UID | PPID | _)
      printf 'variable %s is left out: it would steer the runtime itself\n' "${1%%=*}" >&2
      return 1
      ;;
  esac
  export "${1?}"
}

# sp_cached_image POLICY FILE NAME COMMAND...: one pull for all who ask at the same time. The
# command gets a temporary file and the name; the image is published by renaming.
sp_cached_image() {
  local policy=$1 file=$2 name=$3 lock asked new
  shift 3
  printf -v asked '%(%s)T' -1
  sp_own_cache "${file%/*}" || return 1
  if [[ -e $file && $policy != Always ]]; then
    return 0
  fi
  if [[ $policy == Never ]]; then
    printf 'ErrImageNeverPull: %s is not in the cache\n' "$name" >&2
    return 1
  fi
  sp_open_image_lock "$file.lock" || return 1
  flock "$lock" || return 1
  if sp_pulled_meanwhile "$file" "$policy" "$asked"; then
    return 0
  fi
  new=${file%.*}.$BASHPID.${file##*.}
  if ! "$@" "$new" "$name" >&2; then
    rm -f -- "$new"
    return 1
  fi
  chmod 0644 -- "$new" && mv -f -- "$new" "$file"
}

# sp_own_cache DIRECTORY: one that bears a user's number is that user's alone, so that nobody can
# put an image there for others to run.
sp_own_cache() {
  [[ ${1##*/} == "$EUID" ]] || return 0
  (umask 077 && mkdir -p -- "$1") || return 1
  [[ -O $1 && ! -L $1 ]] && return 0
  printf 'ErrImagePull: %s belongs to somebody else\n' "$1" >&2
  return 1
}

# sp_open_image_lock FILE: sets the caller's lock. Reading is enough to hold it, so that users may
# share a cache where each makes files that only he can write.
sp_open_image_lock() {
  mkdir -p -- "${1%/*}" || return 1
  [[ -e $1 ]] || (umask 022 && : >>"$1")
  exec {lock}<"$1"
}

sp_pulled_meanwhile() {
  local changed
  [[ -e $1 ]] || return 1
  [[ $2 == Always ]] || return 0
  changed=$(stat -c %Y -- "$1") || return 1
  ((changed >= $3))
}

# sp_enroot_create PATH INSTANCE FILE
sp_enroot_create() {
  "$1" create --force --name "$2" "$3" >&2
}

# sp_enroot_import PATH INSTANCE URI: without a cache.
sp_enroot_import() {
  local file=$sp_directory/$2.sqsh
  "$1" import --output "$file" "$3" >&2 && sp_enroot_create "$1" "$2" "$file"
}

# sp_enroot_cached POLICY FILE URI PATH INSTANCE
sp_enroot_cached() {
  sp_cached_image "$1" "$2" "$3" "$4" import --output && sp_enroot_create "$4" "$5" "$2"
}

# sp_node_path TYPE PATH FIELD: what a hostPath volume promises, made or checked on the node.
sp_node_path() {
  case $1 in
    DirectoryOrCreate) mkdir -p -- "$2" ;;
    FileOrCreate) [[ -f $2 ]] || : >"$2" ;;
    Directory) [[ -d $2 ]] ;;
    File) [[ -f $2 ]] ;;
    Socket) [[ -S $2 ]] ;;
    CharDevice) [[ -c $2 ]] ;;
    BlockDevice) [[ -b $2 ]] ;;
    *) [[ -e $2 ]] ;;
  esac && return 0
  printf '%s: %s is no %s on %s\n' "$3" "$2" "${1:-file or directory}" "${HOSTNAME:-the node}" >&2
  return 1
}

# sp_memory_directory PATH: /dev/shm is open to all, so one that is there must be our own.
sp_memory_directory() {
  mkdir -m 0700 -- "$1" 2>/dev/null || [[ -d $1 && ! -L $1 && -O $1 ]]
}

# The SOCKS proxy of the site: a port of its own, ended with the job.
# sp_tsocks LIBRARY LOGIN_NODE
sp_tsocks() {
  local port=10000 conf=$sp_directory/tsocks.conf
  while { : </dev/tcp/127.0.0.1/"$port"; } 2>/dev/null; do
    port=$((port + 1))
  done
  ssh -4 -N -D "$port" -- "$2" &
  sp_tsocks_pid=$!
  printf 'local = 10.0.0.0/255.0.0.0\nserver = 127.0.0.1\nserver_port = %s\n' "$port" >"$conf"
  export TSOCKS_CONF_FILE=$conf LD_PRELOAD=$1
}

# sp_enter_mesh SCRIPT: runs this whole job script again inside the client's network namespace,
# and hands TERM and the warning before the time limit (USR1) on to it, since SLURM signals the
# outermost shell only.
sp_enter_mesh() {
  local inner code=0
  [[ -z ${SP_IN_MESH:-} ]] || return 0
  export SP_IN_MESH=$sp_directory/mesh.pid TMPDIR=${TMPDIR:-/tmp}
  # A requeued job finds the file of its earlier run.
  rm -f -- "$SP_IN_MESH"
  sp_mesh_signals=()
  trap 'sp_mesh_signals+=(TERM)' TERM
  trap 'sp_mesh_signals+=(USR1)' USR1
  "$1" "$BASH" "$0" &
  inner=$!
  while :; do
    code=0
    wait "$inner" || code=$?
    # What comes before the inner script is there waits for it.
    while ((${#sp_mesh_signals[@]})) && kill -0 "$inner" 2>/dev/null; do
      sp_signal_mesh || sleep 0.2
    done
    kill -0 "$inner" 2>/dev/null || exit "$code"
  done
}

# Hands on what has come; fails while the inner script has not said who it is.
sp_signal_mesh() {
  local pid='' name
  [[ -e $SP_IN_MESH ]] || return 1
  IFS= read -r pid <"$SP_IN_MESH" || :
  [[ -n $pid ]] || return 1
  for name in "${sp_mesh_signals[@]}"; do
    kill -s "$name" "$pid" 2>/dev/null || :
  done
  sp_mesh_signals=()
}
