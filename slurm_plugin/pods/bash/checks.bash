# shellcheck shell=bash disable=SC2034,SC2154
# The checks that probes and hooks make: exit code 0 for success, one line of text for people.

# sp_check_exec INDEX COMMAND...: in the container's image, mounts and environment.
sp_check_exec() {
  local i=$1
  shift
  if ! sp_is_function "sp_enter_$i"; then
    printf 'this runtime cannot run a command in the container\n'
    return 1
  fi
  "sp_enter_$i" "$@"
}

# sp_check_tcp HOST PORT
sp_check_tcp() {
  local connection
  if ! { exec {connection}<>"/dev/tcp/$1/$2"; } 2>/dev/null; then
    printf 'no connection to %s port %s\n' "$1" "$2"
    return 1
  fi
  exec {connection}>&-
}

# sp_check_http SCHEME HOST PORT PATH HEADER...: 200 to 399 is success, as for Kubernetes.
sp_check_http() {
  local scheme=$1 code=
  shift
  if [[ $scheme == HTTPS ]]; then
    sp_ask_https "$@" || return 1
  else
    sp_ask_http "$@" || return 1
  fi
  ((10#$code < 200 || 10#$code > 399)) || return 0
  printf 'HTTP probe failed with statuscode: %s\n' "$code"
  return 1
}

# sp_ask_http HOST PORT PATH HEADER...: sets the caller's code. Needs bash only.
sp_ask_http() {
  local host=$1 port=$2 path=$3 request connection line='' header
  shift 3
  request="GET $path HTTP/1.1"$'\r\n'
  for header in "$@"; do
    request+=$header$'\r\n'
  done
  if ! { exec {connection}<>"/dev/tcp/$host/$port"; } 2>/dev/null; then
    printf 'no connection to %s port %s\n' "$host" "$port"
    return 1
  fi
  printf '%sConnection: close\r\n\r\n' "$request" >&"$connection"
  IFS= read -r -n 200 line <&"$connection" || :
  exec {connection}>&-
  if [[ $line =~ ^HTTP/[0-9.]+\ ([0-9]{3}) ]]; then
    code=${BASH_REMATCH[1]}
  else
    printf 'port %s of %s answers, but not in HTTP\n' "$port" "$host"
    return 1
  fi
}

# sp_ask_https HOST PORT PATH HEADER...: sets the caller's code; certificates are not checked,
# as Kubernetes does not check them either.
sp_ask_https() {
  local url=https://$1:$2$3 header options=()
  shift 3
  if command -v curl >/dev/null; then
    for header in "$@"; do
      options+=(-H "$header")
    done
    code=$(curl -q -s -S -k -g -o /dev/null -w '%{http_code}' "${options[@]+"${options[@]}"}" -- "$url" 2>&1) && return 0
    printf '%s\n' "${code%000}"
    return 1
  fi
  if ! command -v wget >/dev/null; then
    printf 'HTTPS needs curl or wget on the compute node\n'
    return 1
  fi
  for header in "$@"; do
    options+=("--header=$header")
  done
  wget -q --tries=1 --no-check-certificate -O /dev/null "${options[@]+"${options[@]}"}" -- "$url" || return 1
  code=200
}

# sp_check_grpc HOST PORT SERVICE: without the tool only the connection is checked, and says so.
sp_check_grpc() {
  if command -v grpc_health_probe >/dev/null; then
    grpc_health_probe -addr="$1:$2" -service="$3"
    return
  fi
  sp_check_tcp "$1" "$2" || return 1
  printf 'no grpc_health_probe on the compute node: only the connection was checked\n'
}
