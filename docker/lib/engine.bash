# Docker where an engine runs, else Podman. Sourced by docker/cluster.
# shellcheck shell=bash disable=SC2154 # variables of docker/cluster

choose_engine() {
  if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    engine=docker
    return 0
  fi
  engine=podman
  podman_settings
  if ! command -v podman >/dev/null || ! command -v runc >/dev/null; then
    # Nothing can run yet, so only `up` is worth installing something for.
    [[ $1 == up ]] || die "no container engine here: run docker/cluster up first"
    install_podman
  fi
}

install_podman() {
  say "installing Podman, since no Docker engine runs here"
  ((EUID == 0)) || die "Podman is missing and only root can install it: apt-get install podman"
  quietly "$cache/apt.log" "apt-get update" apt-get update -qq
  quietly "$cache/apt.log" "installing Podman" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends \
    podman runc netavark aardvark-dns containernetworking-plugins uidmap
}

# runc, since crun refuses the hybrid cgroup hierarchy; limits within the host's own.
podman_settings() {
  local files processes
  files=$(limit_or "$(ulimit -Hn)" 20000)
  processes=$(limit_or "$(ulimit -Hu)" 8000)
  cat >"$cache/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
[engine]
runtime = "runc"
CONF
  export CONTAINERS_CONF=$cache/containers.conf
}

limit_or() {
  if [[ $1 == unlimited ]] || (($1 > $2)); then echo "$2"; else echo "$1"; fi
}

# The compose file, by whichever compose this engine has.
compose() {
  export SLURM_PLUGIN_IMAGE=$image SLURM_PLUGIN_CONTAINER=$container PORT=$port
  local file=$here/compose.yaml project=slurm-plugin-${release/./-}
  if [[ $engine == docker ]]; then
    docker compose -p "$project" -f "$file" "$@"
  else
    need_podman_compose
    "$cache/compose-venv/bin/podman-compose" -p "$project" -f "$file" "$@"
  fi
}

need_podman_compose() {
  local venv=$cache/compose-venv
  [[ -e $venv/.made ]] && return 0
  say "installing podman-compose into $venv"
  rm -rf "$venv"
  if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    quietly "$cache/apt.log" "installing python3-venv" apt-get install -qq -y python3-venv
  fi
  quietly "$cache/pip.log" "making a virtual environment" python3 -m venv "$venv"
  quietly "$cache/pip.log" "installing podman-compose" "$venv/bin/pip" -q install podman-compose
  touch "$venv/.made"
}

container_state() {
  "$engine" inspect --format '{{.State.Status}}' "$container" 2>/dev/null || echo absent
}
