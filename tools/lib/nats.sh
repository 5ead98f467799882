# Programs of NATS that Debian 12 does not have, or not as new: built as Go modules, through Go's
# proxy, at versions pinned here. Source this file from the top of the source tree.

nats_cli=github.com/nats-io/natscli/nats@v0.5.1
nats_newer=github.com/nats-io/nats-server/v2@v2.15.2

# 1.21 is the first Go that fetches the toolchain a module asks for.
nats_go_can() {
  local minor=${1#go1.}
  minor=${minor%%[!0-9]*}
  [[ $1 == go1.* ]] && [ "${minor:-0}" -ge 21 ]
}

# nats_install GO MODULE FOLDER: with the Go caches this machine has; without, in build/ and then
# removed.
nats_install() {
  local own=$PWD/build/tools/go modules cache status=0
  modules=$("$1" env GOMODCACHE) cache=$("$1" env GOCACHE)
  export GOBIN=$3 GOFLAGS="-buildvcs=false -modcacherw"
  [ -d "$modules" ] || export GOMODCACHE=$own/modules
  [ -d "$cache" ] || export GOCACHE=$own/cache
  setsid --wait timeout 600 "$1" install "$2" || status=1
  rm -rf "$own"
  return $status
}

# nats_module NAME MODULE@VERSION FOLDER: the program as a Go module, unless it is there.
nats_module() {
  local go
  [ ! -x "$3/$1" ] || return 0
  go=$(PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin command -v go)
  if [ -n "$go" ] && nats_go_can "$("$go" env GOVERSION)"; then
    nats_install "$go" "$2" "$3" && return 0
    why="go install of $2 failed"
  else
    why="$2 needs Go 1.21 or newer, which can fetch 1.26; found ${go:-none}"
  fi
  [ "${CI:-}" = true ] && echo "$why" && return 1
  return 77
}
