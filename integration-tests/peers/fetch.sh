#!/bin/sh
# Other people's FTP servers and clients for the tests, without installing anything.
#
#   fetch.sh DIRECTORY NAME [PACKAGE...]     Debian packages, with the libraries that this machine lacks; PACKAGE:ARCHITECTURE
#                                            is one for another processor, alone or with others of that processor
#   fetch.sh DIRECTORY NAME pip:PACKAGE...   Python packages; PACKAGE==VERSION is one version
#   fetch.sh DIRECTORY NAME npm:PACKAGE...   Node.js packages; PACKAGE@VERSION is one version
#
# Everything is unpacked into DIRECTORY/NAME; Debian's FTP servers conflict as packages, here each
# has a directory of its own, and a file `versions` that says what was taken. Done once: a second call finds the mark `complete` and returns at once.
# Callers at the same time wait for each other. Exit 0: it is there. Exit 3: it cannot be had, the
# last line of standard error says why.
set -eu

cannot() {
    echo "$*" >&2
    exit 3
}

[ $# -ge 3 ] || { echo "usage: $0 DIRECTORY NAME PACKAGE..." >&2; exit 2; }
mkdir -p "$1"
peers=$(cd "$1" && pwd)
name=$2
shift 2
packages=$*
mark="$peers/$name/complete"

# The mark names what was asked for: another list of packages is fetched anew.
there() {
    [ "$(cat "$mark" 2>/dev/null)" = "$packages" ]
}

there && exit 0
command -v flock >/dev/null || cannot "flock is missing"
exec 9>"$peers/$name.lock"
flock 9
there && exit 0

new="$peers/$name.new"
rm -rf "$new" "${peers:?}/$name"
mkdir -p "$new"
log="$peers/$name.log"
: >"$log"

# Why a command has failed, on one line.
last_words() {
    grep -E '^(E:|W:|Err:|ERROR)' "$log" | tail -n 1 | cut -c 1-300
}

pip_packages() {
    command -v python3 >/dev/null || cannot "python3 is missing"
    python3 -m pip install --quiet --no-input --disable-pip-version-check --target "$new/python" \
        "$@" >>"$log" 2>&1 9>&- || cannot "pip cannot fetch $*: $(last_words)"
    (cd "$new/python" && for package in *.dist-info; do echo "${package%.dist-info}"; done) >"$new/versions"
}

npm_packages() {
    command -v npm >/dev/null || cannot "npm is missing"
    # shellcheck disable=SC2068 # words
    npm install --no-audit --no-fund --ignore-scripts --prefix "$new" $@ >>"$log" 2>&1 9>&- ||
        cannot "npm cannot fetch $*: $(grep -i 'err' "$log" | head -n 1 | cut -c 1-300)"
    (cd "$new/node_modules" && for package in $@; do
        case $package in ?*@*) package=${package%@*} ;; esac
        echo "$package-$(sed -n 's/^ *"version": "\(.*\)",*/\1/p' "$package/package.json" | head -n 1)"
    done) >"$new/versions"
}

# apt_get and apt_cache look at the machine's own lists, or at private ones under DIRECTORY where
# the machine has none (each other processor has its own): nothing outside DIRECTORY is written.
private=
apt_get() {
    # shellcheck disable=SC2086 # options, one word each
    apt-get $private -q "$@" >>"$log" 2>&1 9>&-
}
apt_cache() {
    # shellcheck disable=SC2086
    apt-cache $private "$@" 2>>"$log" 9>&-
}

own_lists() {
    case $1 in *:*) architecture=${1##*:} ;; *) architecture= ;; esac
    apt=$peers/apt${architecture:+-$architecture}
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    private="-oDir::State=$apt/state -oDir::State::lists=$apt/state/lists -oDir::Cache=$apt/cache -oDir::State::status=/var/lib/dpkg/status -oAPT::Sandbox::User="
    [ -z "$architecture" ] || private="$private -oAPT::Architectures::=$(dpkg --print-architecture) -oAPT::Architectures::=$architecture"
    exec 8>"$apt.lock"
    flock 8
    if [ -z "$(apt_cache madison "$1")" ]; then
        # A mirror that lacks one list may have the others.
        failed=
        apt_get -o Acquire::Retries=1 update || failed=" (which failed)"
        [ -n "$(apt_cache madison "$1")" ] || cannot "no package $1 after apt-get update$failed: $(last_words)"
    fi
    flock -u 8
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c 2)" = i ]
}

# The libraries that a package depends on and this machine does not have.
missing_libraries() {
    apt_cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances --no-pre-depends "$1" |
        sed -n 's/^ *|\{0,1\}Depends: \(lib[^<> ]*\).*/\1/p' |
        while read -r library; do
            case $library in
                *-perl | *-bin | *-dev | *-modules | *-runtime) ;;
                *) is_installed "$library" || echo "$library" ;;
            esac
        done
}

debian_packages() {
    for tool in apt-get apt-cache dpkg-deb dpkg-query; do
        command -v "$tool" >/dev/null || cannot "no $tool: only Debian's packages are known here"
    done
    [ -n "$(apt_cache madison "$1")" ] || own_lists "$1"
    open=$*
    all=
    while [ -n "$open" ]; do
        next=
        for package in $open; do
            case " $all " in *" $package "*) continue ;; esac
            all="$all $package"
            next="$next $(missing_libraries "$package" | tr '\n' ' ')"
        done
        open=$(echo "$next" | tr -s ' ' | sed 's/^ //; s/ $//')
    done
    mkdir "$new/deb"
    # shellcheck disable=SC2086
    (cd "$new/deb" && apt_get download $all) || {
        # The machine's lists may be too old for what the mirror has now.
        [ -z "$private" ] || cannot "apt-get download$all: $(last_words)"
        own_lists "$1"
        (cd "$new/deb" && apt_get download $all) || cannot "apt-get download$all: $(last_words)"
    }
    for package in "$new"/deb/*.deb; do
        dpkg-deb -x "$package" "$new" >>"$log" 2>&1 || cannot "dpkg-deb: $(last_words)"
    done
    (cd "$new/deb" && for package in *.deb; do echo "${package%_*.deb}"; done) >"$new/versions"
    rm -rf "$new/deb"
}

case $1 in
    pip:*) pip_packages $(echo "$packages" | sed 's/pip://g') ;;
    npm:*) npm_packages $(echo "$packages" | sed 's/npm://g') ;;
    *) debian_packages "$@" ;;
esac
echo "$packages" >"$new/complete"
mv "$new" "$peers/$name"
