#!/bin/sh
# Starts two ftp-servers on this machine and copies a tree of real files straight from one to the other,
# under the default policy: sh docs/demo/run.sh [DIRECTORY]
# All files are made under target/ and removed at the end. Only processes that this script started are ended.
set -eu
cd "$(dirname "$0")/../.."

command -v cargo >/dev/null || { echo "demo: there is no cargo; install Rust, for example from https://rustup.rs" >&2; exit 2; }
tree=${1:-$(rustc --print sysroot)/lib}
[ -d "$tree" ] || { echo "demo: $tree is not a directory; name one, for example: sh docs/demo/run.sh /usr/share" >&2; exit 2; }
tree=$(cd "$tree" && pwd)
# The largest file shows how fast one transfer is. Its name is written as in a URL.
file=$(cd "$tree" && find . -type f -exec ls -l {} + | sort -k5,5nr | sed -n '1s|.* \./||p')
[ -n "$file" ] || { echo "demo: $tree has no file; name another directory" >&2; exit 2; }
url=$(printf '%s\n' "$file" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g; s/\*/%2A/g; s/\[/%5B/g')

# The programs are built without optimisation, which takes a third of the time. DEMO_PROFILE=release shows their speed;
# DEMO_PROFILE=dev takes those that the tests have built.
profile=${DEMO_PROFILE:-demo}
case $profile in
    dev) built=debug && cargo build --locked --workspace --bins ;;
    *) built=$profile && cargo build --profile "$profile" --locked -p ftp-server -p ftp-user ;;
esac
bin=${CARGO_TARGET_DIR:-target}/$built

mkdir -p target
work=$(mktemp -d "$PWD/target/demo.XXXXXX")
pids=
leave() {
    status=$?
    trap - EXIT INT TERM HUP
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
    for pid in $pids; do wait "$pid" 2>/dev/null || :; done
    [ "$status" -eq 0 ] || cat "$work"/*.log >&2 2>/dev/null || :
    rm -rf "$work"
    exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A new password for each run.
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# start NAME IP ROOT RIGHTS: starts a server and sets $address to the address it listens on.
start() {
    mkfifo "$work/$1.said"
    "$bin/ftp-server" --listen "$2:0" --root "$3" --user "demo:$password$4" >"$work/$1.said" 2>"$work/$1.log" &
    pids="$pids $!"
    { read -r line || line=; cat >/dev/null & } <"$work/$1.said"
    pids="$pids $!"
    address=${line#listening on }
    address=${address% (ftp)}
    [ -n "$line" ] || { echo "demo: the server at $2 did not start" >&2; exit 1; }
    echo "server $1: $line"
}

mkdir "$work/copy" "$work/one" "$work/state"
start source 127.0.0.2 "$tree" :ro
source=$address
start destination 127.0.0.3 "$work" ""
destination=$address

run() {
    HOME="$work/state" XDG_CONFIG_HOME="$work/state" XDG_STATE_HOME="$work/state" "$bin/ftp-user" "$@"
}

echo
echo "== one file, and the dialogue with both servers: $file"
run copy --path direct --verify hash --trace "$work/trace" \
    "ftp://demo:$password@$source/$url" "ftp://demo:$password@$destination/one/"
cat "$work/trace"

echo
echo "== the tree: $tree"
run copy -r --path direct --verify hash \
    "ftp://demo:$password@$source/./" "ftp://demo:$password@$destination/copy/"

# Compare both ends with a program that is not ours.
(cd "$tree" && find . -type f -exec sha256sum {} +) >"$work/digests"
(cd "$work/copy" && sha256sum --quiet -c "$work/digests")
echo "sha-256 of $(wc -l <"$work/digests" | tr -d ' ') files: the same at both ends; of $file:"
(cd "$work/one" && sha256sum "$(basename "$file")")
