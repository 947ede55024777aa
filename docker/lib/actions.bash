# What docker/cluster does. Sourced by it.
# shellcheck shell=bash disable=SC2154 # variables of docker/cluster

cluster_up() {
  need_image
  if [[ $(container_state) != running || $(running_image) != "$image" || $(running_port) != "$port" ]]; then
    start_container
  fi
  wait_for_slurm
  choose_backend
  wait_for_plugin
  say "SLURM $release is ready; the plugin answers on http://127.0.0.1:$port"
}

start_container() {
  [[ $(container_state) == absent ]] || remove_container
  say "starting container $container"
  quietly "$cache/compose-$release.log" "starting the container" compose up -d
}

remove_container() {
  "$engine" rm -f -t 5 "$container" >/dev/null 2>&1 || "$engine" rm -f "$container" >/dev/null
}

running_image() {
  "$engine" inspect --format '{{.Config.Image}}' "$container" 2>/dev/null || true
}

running_port() {
  "$engine" port "$container" 4000/tcp 2>/dev/null | sed -n '1s/.*://p'
}

wait_for_slurm() {
  local i idle
  for ((i = 0; i < 450; i++)); do
    [[ $(container_state) == running ]] || show_failure "the container ended while it was starting"
    idle=$("$engine" exec "$container" sinfo -h -N -p normal -o %T 2>/dev/null | grep -cE 'idle|mixed|allocated' || true)
    [[ $idle == 3 ]] && return 0
    sleep 0.2
  done
  show_failure "SLURM's three nodes were not ready within 90 s"
}

wait_for_plugin() {
  local i
  for ((i = 0; i < 150; i++)); do
    plugin_answers && return 0
    [[ $(container_state) == running ]] || show_failure "the container ended while it was starting"
    sleep 0.2
  done
  show_failure "the plugin did not answer on port $port within 30 s"
}

plugin_answers() {
  python3 - "$port" 2>/dev/null <<'PYTHON'
import sys
import urllib.request

urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/healthz", timeout=2).read()
PYTHON
}

show_failure() {
  "$engine" logs "$container" 2>&1 | tail -n 25 >&2 || true
  die "$1; docker/cluster logs --slurm $release shows more"
}

# Sets Backend in the container's settings and restarts only the plugin, when it differs.
choose_backend() {
  local settings=/etc/interlink/SlurmConfig.yaml wanted=${backend:-}
  case $wanted in
    '') return 0 ;;
    auto | pyslurm | commands) ;;
    *) die "unknown backend $wanted; there are auto, pyslurm and commands" ;;
  esac
  [[ $release == 26.05 || $wanted != pyslurm ]] || die "SLURM $release has no pyslurm here; use --backend commands"
  "$engine" exec "$container" grep -qx "Backend: $wanted" $settings && return 0
  say "switching the plugin to backend $wanted"
  "$engine" exec "$container" sed -i "s/^Backend: .*/Backend: $wanted/" $settings
  "$engine" exec "$container" cluster-service restart plugin
}

cluster_down() {
  [[ $(container_state) == absent ]] && say "container $container does not exist" && return 0
  say "removing container $container"
  "$engine" rm -f "$container" >/dev/null
}

cluster_exec() {
  ((${#arguments[@]})) || die "exec wants a command"
  [[ $(container_state) == running ]] || die "container $container does not run: docker/cluster up --slurm $release"
  local input=()
  [[ -t 0 ]] || input=(-i)
  exec "$engine" exec "${input[@]}" --user "$user" "$container" "${arguments[@]}"
}

cluster_logs() {
  [[ $(container_state) != absent ]] || die "container $container does not exist"
  "$engine" logs "$container"
}

cluster_status() {
  local state
  state=$(container_state)
  printf 'container %s: %s\n' "$container" "$state"
  [[ $state == running ]] || return 0
  printf 'plugin: '
  if plugin_answers; then echo "answers on http://127.0.0.1:$port"; else echo "does not answer"; fi
  "$engine" exec "$container" sinfo
  "$engine" exec "$container" squeue -a
}
