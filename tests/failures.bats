# SPDX-License-Identifier: GPL-2.0
# What goes wrong on other people's machines: one clear line, and a second run that continues.
load lib

setup() { world; }

@test "a truncated tarball: says so; nothing half-written; the whole one then works" {
	head -c 200 linux.tar.xz > short.tar.xz
	LINUX_TARBALL=$PWD/short.tar.xz run "$top/scripts/base"
	last_line_says "unpacking" "truncated"
	[ ! -e build/6.1/linux ]
	"$top/scripts/base"
	[ -e build/6.1/linux/.git ]
}

@test "no space: says so; with space the second run continues" {
	mkdir small
	mount -t tmpfs -o size=64k tmpfs small 2> /dev/null || skip "mounting a small tmpfs needs root"
	head -c 1000000 /dev/urandom > kernel/big
	tar -cJf linux.tar.xz kernel
	BUILD=$PWD/small/build run "$top/scripts/base"
	umount -l small
	last_line_says "No space left on device" "df -h"
}

@test "no package mirror: says so" {
	fake dpkg-query 'exit 1'
	fake apt-cache 'exit 0'
	fake apt-get 'echo "E: Could not connect to the mirror"; exit 100'
	fake sudo '"$@"'
	run "$top/scripts/base"
	last_line_says "package mirror" "Could not connect"
}

@test "a package that the mirror does not have: says which" {
	fake dpkg-query 'exit 1'
	fake apt-cache 'echo "  Candidate: 1.0"'
	fake apt-get 'echo "E: Unable to locate package"; exit 100'
	fake sudo '"$@"'
	run "$top/scripts/base"
	last_line_says "installing git" "Unable to locate package"
}

@test "two runs at once in one tree: the second stops at once" {
	mkdir -p build
	exec 9> build/.lock-base
	flock 9
	run "$top/scripts/base"
	last_line_says "another run is using" "BUILD="
	exec 9>&-
	"$top/scripts/base"
}

@test "interrupted while importing: the next run starts that step again" {
	real=$(command -v git)
	fake git "case \" \$* \" in *' commit '*) kill -INT \$PPID; sleep 0.2; exit 130;; esac; exec $real \"\$@\""
	run "$top/scripts/base"
	[ "$status" -ne 0 ]
	[ ! -e build/6.1/base ]
	rm fakes/git
	hash -r
	"$top/scripts/base"
	[ -e build/6.1/base ]
}

@test "interrupted while applying: the next run applies all" {
	world_with_series
	rm -rf build
	real=$(command -v git)
	fake git "case \" \$* \" in *' am '*--quiet*) $real \"\$@\" > /dev/null; kill -INT \$PPID; exit 130;; esac; exec $real \"\$@\""
	run "$top/scripts/apply"
	[ "$status" -ne 0 ]
	[ ! -e build/6.1/applied ]
	rm fakes/git
	hash -r
	"$top/scripts/apply"
	[ "$(git -C build/6.1/linux rev-list --count base..series)" -eq 4 ]
}

@test "the base package changed under a tree: refuses, names both" {
	"$top/scripts/base"
	echo x >> kernel/Makefile
	tar -cJf linux.tar.xz kernel
	run "$top/scripts/base"
	last_line_says "the base changed from"
}

@test "clean: keeps work that was not exported" {
	world_with_series
	commit 'echo more >> arch/x86/kvm/n.c' 'KVM: x86: More'
	run "$top/scripts/clean"
	last_line_says "not exported"
	[ -e build/6.1/linux ]
	# Whatever the base is that somebody names.
	B=7.7 run "$top/scripts/clean"
	last_line_says "not exported"
	topic three
	run "$top/scripts/clean"
	last_line_says "not exported"
	"$top/scripts/export"
	"$top/scripts/clean"
	[ ! -e build ]
}

@test "kvm-unit-tests that are not there, or not built: one line" {
	KUT=$BATS_TEST_TMPDIR run "$top/tools/lab/kut" bochs-svm
	[ "$status" -eq 1 ]
	[[ $output == "FAILED: there is no built kvm-unit-tests in KUT=$BATS_TEST_TMPDIR. Next: "* ]]
}

@test "an argument that means nothing: nothing is done" {
	local verb
	mkdir -p build/kept
	for verb in apply base check clean deb kunit run send; do
		run "$top/scripts/$verb" --moon
		last_line_says "unknown argument --moon" "scripts/$verb"
	done
	[ -d build/kept ]
	run "$top/scripts/bases" --moon
	last_line_says "--moon means nothing"
	run "$top/scripts/count" moon.tap
	last_line_says "there is no file moon.tap"
}
