#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# scripts/lab with engines that only pretend: what a run leaves and when results are kept.

load lib

setup()
{
	world
	export LAB_ENGINES=$PWD/engines LAB_READY=1
	local work=$BUILD/6.1 e
	mkdir -p "$LAB_ENGINES" "$work/kernels/patched" "$work/selftests"
	touch "$work/kernels/patched"/{bzImage,config,version}
	echo one > "$work/kernels/patched/key"
	echo one > "$work/selftests/key"
	echo a_test > "$work/selftests/list"
	touch "$work/selftests/a_test"
	for e in bochs-stub qemu-stub; do
		cat > "$LAB_ENGINES/$e" <<-'STUB'
			#!/bin/sh
			case $1 in
			version) echo stub ;;
			run)
				: > "$OUT/console.log"
				echo run >> "$OUT/../runs"
				echo 'ok 1 - a_test' > "$OUT/tap.log"
				[ -n "${BROKEN:-}" ] || echo '# lab: all tests done' >> "$OUT/tap.log" ;;
			esac
		STUB
		chmod +x "$LAB_ENGINES/$e"
	done
}

runs() { wc -l < "$BUILD/6.1/results/runs"; }

@test "no final marker: the run fails, the next one does not keep its results" {
	BROKEN=1 run "$top/scripts/lab" bochs-stub
	[ "$status" -ne 0 ]
	[[ "$output" == *"bochs-stub printed no final marker"*"Next: read the end of the console"* ]]
	LAB_REUSE=1 "$top/scripts/lab" bochs-stub
	[ "$(runs)" -eq 2 ]
}

@test "results of a deterministic engine are kept while nothing changed, and only if asked" {
	"$top/scripts/lab" bochs-stub
	LAB_REUSE=1 run "$top/scripts/lab" bochs-stub
	[[ "$output" == *"results kept"* ]]
	[ "$(runs)" -eq 1 ]
	"$top/scripts/lab" bochs-stub
	[ "$(runs)" -eq 2 ]
}

@test "a new kernel, other tests, another CPU count: the machine runs again" {
	export LAB_REUSE=1
	"$top/scripts/lab" bochs-stub
	echo two > "$BUILD/6.1/kernels/patched/key"
	"$top/scripts/lab" bochs-stub
	echo two > "$BUILD/6.1/selftests/key"
	"$top/scripts/lab" bochs-stub
	CPUS=3 "$top/scripts/lab" bochs-stub
	[ "$(runs)" -eq 4 ]
}

@test "results of an engine with real threads are never kept" {
	export LAB_REUSE=1
	"$top/scripts/lab" qemu-stub
	"$top/scripts/lab" qemu-stub
	[ "$(runs)" -eq 2 ]
}

@test "a test that was not built is named" {
	run "$top/scripts/lab" bochs-stub patched b_test
	[ "$status" -ne 0 ]
	[[ "$output" == *"there is no selftest 'b_test'"* ]]
}

@test "the kernel of a topic runs the tests that the topic adds, or none" {
	cp -r "$BUILD/6.1/kernels/patched" "$BUILD/6.1/kernels/topic-one"
	mkdir "$PATCHES/one"
	echo 0001-a.patch > "$PATCHES/one/series"
	echo '+TEST_GEN_PROGS_x86_64 += x86_64/b_test' > "$PATCHES/one/0001-a.patch"
	echo 'one:' > "$PATCHES/topics"
	"$top/scripts/lab" bochs-stub topic-one
	[ ! -s "$BUILD/6.1/results/topic-one-bochs-stub/list" ]
	echo b_test >> "$BUILD/6.1/selftests/list"
	touch "$BUILD/6.1/selftests/b_test"
	"$top/scripts/lab" bochs-stub topic-one
	[ "$(cat "$BUILD/6.1/results/topic-one-bochs-stub/list")" = 'b_test 120' ]
}
