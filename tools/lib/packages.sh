# The Debian packages this project needs, once, for tools/test and tools/demo. Source this file and
# call packages_install with the groups wanted: packages_install build run test
# Asks apt only when something is missing. Works as root or with passwordless sudo.

packages_build="gcc libc6-dev cmake ninja-build pkg-config git ca-certificates
  protobuf-c-compiler libprotobuf-c-dev libnats-dev librocksdb-dev libsodium-dev libssl-dev
  libjansson-dev libpcre2-dev libcurl4-openssl-dev libmicrohttpd-dev libfyaml-dev libjq-dev
  libxml2-dev libcsv-dev libsmartcols-dev libzstd-dev"
packages_run="nats-server curl openssl tzdata"
packages_test="libcriterion-dev clang clang-tidy clang-format universal-ctags python3 python3-yaml
  procps util-linux iproute2 binutils man-db systemd"
packages_demo="jq"
packages_full="libclang-rt-dev"
packages_show="python3 curl"

# packages_missing GROUP...: the packages of these groups that are not installed, one a line.
packages_missing() {
  local group name list
  for group in "$@"; do
    list="packages_$group"
    for name in ${!list}; do
      dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
        echo "$name"
    done
  done
}

# packages_as_root COMMAND...: directly as root, else through sudo; never asks for a password.
packages_as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    echo "cannot run '$*': not root and no passwordless sudo; run it yourself, then try again" >&2
    return 1
  fi
}

# packages_apt ARG...: apt-get without questions; retried, since mirrors and locks have bad moments.
packages_apt() {
  local try
  for try in 1 2 3 4; do
    packages_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
      -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" && return 0
    [ "$try" = 4 ] || sleep $((try * 5))
  done
  return 1
}

# packages_install GROUP...: install what is missing. A service that a package brings along
# (nats-server) is not started: a policy-rc.d says no during the installation, unless there is one.
packages_install() {
  local missing policy=/usr/sbin/policy-rc.d planted="" status=0
  missing=$(packages_missing "$@" | sort -u | tr '\n' ' ')
  [ -n "${missing// /}" ] || return 0
  command -v apt-get >/dev/null || {
    echo "these Debian packages are missing and there is no apt-get: $missing" >&2
    return 1
  }
  echo "installing: $missing"
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | packages_as_root tee "$policy" >/dev/null &&
      packages_as_root chmod 755 "$policy" && planted=yes
  fi
  # The lists of a fresh machine are empty or old; an update that fails partly may still do.
  packages_apt update || echo "apt-get update failed, trying with the lists there are" >&2
  # shellcheck disable=SC2086
  packages_apt install --no-install-recommends $missing || status=1
  [ -z "$planted" ] || packages_as_root rm -f "$policy"
  return $status
}

# packages_promtool DIR: put promtool into DIR without installing (and starting) Prometheus, whose
# package holds it in Debian 12; it has one of its own in Debian 13.
packages_promtool() {
  local dir=$1 work status=0
  command -v promtool >/dev/null && return 0
  [ ! -x "$dir/promtool" ] || return 0
  work=$(mktemp -d) || return 1
  chmod 755 "$work"
  (
    cd "$work" || exit 1
    apt-cache show prometheus >/dev/null 2>&1 || packages_apt update
    apt-get -q download promtool || apt-get -q download prometheus || exit 1
    dpkg-deb -x ./*.deb x
  ) >/dev/null 2>&1 || status=1
  [ $status != 0 ] || { mkdir -p "$dir" && cp "$work/x/usr/bin/promtool" "$dir/"; } || status=1
  rm -rf "$work"
  return $status
}
