# SPDX-License-Identifier: GPL-2.0
# Sourced by every script: where things are, how progress and failure are printed.
# A caller starts with:  set -euo pipefail; . "$(dirname "$0")/lib.sh"
# shellcheck shell=bash disable=SC2034

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
B=${B:-6.1}                     # the base: a folder of patches/
build=${BUILD:-$top/build}
work=$build/$B
patches=${PATCHES:-$top/patches/$B}    # PATCHES and MIRRORS: for the tests of these scripts
mirrors=${MIRRORS:-$top}
mirrored_base=6.1               # its added files are at the top level, too, and README.md is about it
hint=$([ "$B" = "$mirrored_base" ] || echo " B=$B")     # for the commands that messages recommend
export LC_ALL=C TZ=UTC

# Anything a child inherits from a git hook or a worktree would point git elsewhere.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

# say TEXT...: one line of progress, with the time since the outermost command began.
export LAB_T0=${LAB_T0:-$(date +%s)}
say()
{
	local t=$(($(date +%s) - LAB_T0))
	printf '[%2d:%02d] %s\n' $((t / 60)) $((t % 60)) "$*" >&2
}

# same TEXT...: what was done before and still holds; silent in a script that another script called on its way.
export LAB_DEPTH=$((${LAB_DEPTH:-0} + 1))
same() { [ "$LAB_DEPTH" -gt 2 ] || say "$@"; }

# die WHAT NEXT [LOG]: the last line of a failed command says what to do next.
die()
{
	printf 'FAILED: %s. Next: %s%s\n' "$1" "$2" "${3:+ (log: $3)}" >&2
	exit 1
}

# only_mirrored WHAT: which other bases don't have.
only_mirrored() { [ "$B" = "$mirrored_base" ] || die "$1 are for base $mirrored_base" "leave B= out"; }

# no_arguments "$@": for a script that takes none.
no_arguments() { [ $# -eq 0 ] || die "unknown argument $1" "read the first lines of $0"; }

engine_dir=${LAB_ENGINES:-$top/tools/lab/engines}
engines() { find "$engine_dir" -type f -executable -printf '%f ' | tr ' ' '\n' | sort | xargs; }

known_engine()
{
	[ -n "$1" ] && [ -x "$engine_dir/$1" ] || die "no engine is called '$1'" "ENGINE= one of: $(engines)"
}

# logged LOG WHAT NEXT COMMAND...: run with its output in LOG; on failure show the end of it and die.
logged()
{
	local log=$1 what=$2 next=$3
	shift 3
	mkdir -p "$(dirname "$log")"
	say "$what"
	"$@" > "$log" 2>&1 && return
	{ grep -E '(: error|: fatal|\*\*\* |undefined reference|^E: |No space left)' "$log" || cat "$log"; } |
		tail -n 5 | cut -c1-300 >&2
	# A full disk may have no room for its own message.
	[ "$(df --output=avail -k "$build" | tail -n 1)" -gt 512 ] || echo "No space left on device: $build" >&2
	die "$what" "$next" "$log"
}

# lock NAME: one run at a time owns NAME under build/; freed when the process ends.
# A script called by one that holds the lock goes straight on.
lock()
{
	local held=LAB_LOCK_$1
	[ -z "${!held:-}" ] || return 0
	mkdir -p "$build"
	exec {lock_fd}> "$build/.lock-$1"
	flock -n "$lock_fd" ||
		die "another run is using $build ($1)" "wait for it to end, or set BUILD= to another folder"
	export "$held=1"
}

# no_locks: for a helper process that may outlive its parent for a moment: let go of the parent's locks.
no_locks()
{
	local fd
	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || eval "exec $fd>&-"
	done
}

# packages NAME...: install what is missing; ask for nothing when all is there.
packages()
{
	local p sudo='' missing=()
	for p; do
		dpkg-query -W -f '${db:Status-Status}' "$p" 2> /dev/null | grep -qx installed || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	if ! apt-cache policy "${missing[@]}" 2> /dev/null | grep -q 'Candidate: [^(]'; then
		logged "$build/log/apt-update" "asking the package mirror for its lists" \
			"check the apt configuration and the network, then run again" $sudo apt-get update
	fi
	logged "$build/log/apt-install" "installing ${missing[*]}" \
		"run 'apt-get update', check that the mirror has these packages, then run again" \
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

# current STAMP KEY: true if what STAMP names was finished with the same KEY.
current() { [ "$(cat "$1" 2> /dev/null)" = "$2" ]; }

# finish STAMP KEY: say that it is finished; written last and at once, so that a stopped run never looks finished.
finish() { printf '%s\n' "$2" > "$1.new" && mv "$1.new" "$1"; }

# hash_of FILE...: one key for the contents and names of files and folders.
hash_of() { find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16; }

# git with nothing of the user's configuration in it: the same commits on every machine.
labgit()
{
	GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null \
	GIT_COMMITTER_NAME=kvm-x86-series GIT_COMMITTER_EMAIL=series@localhost \
		git -c core.autocrlf=false -c gc.auto=0 -c advice.detachedHead=false -c core.fsmonitor=false "$@"
}
