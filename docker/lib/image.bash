# The image, keyed by the content of what goes into it. Sourced by docker/cluster.
# shellcheck shell=bash disable=SC2154,SC2034 # variables of docker/cluster

image_name() {
  local digest
  digest=$(
    cd "$root" || exit
    git_free_list | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
  )
  image=localhost/slurm-plugin:$release-$digest
}

# Files that the Dockerfile copies. Without git, so that an unpacked archive works as a clone does.
git_free_list() {
  find docker conf/slurm slurm_plugin pyproject.toml README.md LICENSE -type f \
    ! -path '*/__pycache__/*' ! -name '*.so' \
    ! -path 'docker/lib/*' ! -path docker/cluster ! -path docker/compose.yaml \
    ! -path docker/demo ! -path docker/demo_pod.py ! -path docker/test -print0
}

need_image() {
  image_name
  "$engine" image inspect "$image" >/dev/null 2>&1 && return 0
  need_base
  say "building the image for SLURM $release (the first time takes minutes; log: $cache/build-$release.log)"
  # A tar of exactly the listed files: nothing else of the clone reaches the build.
  quietly "$cache/build-$release.log" "building the image" build_image
  forget_old_images
}

build_image() {
  local context arguments=() name
  context=$(mktemp -d)
  (cd "$root" && git_free_list | tar --null -T - -cf -) | tar -C "$context" -xf -
  for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT; do
    [[ -z ${!name:-} ]] || arguments+=(--build-arg "$name=${!name}")
  done
  [[ ! -s $(host_ca) ]] || arguments+=(--secret "id=ca,src=$(host_ca)")
  [[ $engine == docker ]] || arguments+=(--pull=never)
  "$engine" build --network host --build-arg "DEBIAN=$debian" "${arguments[@]}" \
    -t "$image" -f "$context/docker/Dockerfile" "$context"
  rm -rf "$context"
}

# Hosts behind an intercepting proxy have a CA bundle of their own, which pip must know.
host_ca() {
  echo "${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}"
}

# The base image from a registry where one answers, else from Debian's packages.
need_base() {
  local base=docker.io/library/debian:$debian
  "$engine" image inspect "$base" >/dev/null 2>&1 && return 0
  say "fetching the base image debian:$debian"
  if timeout 20 "$engine" pull -q "$base" >/dev/null 2>&1; then
    return 0
  fi
  say "no image registry answers: making debian:$debian with mmdebstrap"
  if ! command -v mmdebstrap >/dev/null; then
    quietly "$cache/apt.log" "installing mmdebstrap" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends mmdebstrap
  fi
  quietly "$cache/base-$debian.log" "making the base image" make_base "$base"
}

make_base() {
  # The mirror's release file of forky is past its valid-until.
  mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' "$debian" - |
    "$engine" import - "$1"
}

# Earlier contents of the same release; the layers in use stay in the engine's cache.
forget_old_images() {
  local old
  "$engine" images --format '{{.Repository}}:{{.Tag}}' | grep "slurm-plugin:$release-" |
    while read -r old; do
      [[ $old == "$image" ]] || "$engine" rmi "$old" >/dev/null 2>&1 || true
    done
}
