# SPDX-License-Identifier: GPL-2.0
# The judge of the runs: what must fail does fail.
load lib

setup()
{
	world
	dir=$PWD/results/patched-qemu-svm
	mkdir -p "$dir"
	printf 'good_test 120\nother_test 120\n' > "$dir/list"
	printf 'TAP version 13\n1..2\nok 1 - good_test\nok 2 - other_test # SKIP no AVIC\n# lab: all tests done\n' > "$dir/tap.log"
	printf '[    1.0] lab: start good_test\n[    2.0] lab: end good_test 0\n' > "$dir/console.log"
	echo qemu > "$dir/engine"
	echo 6.1.192-patched > "$dir/kernel"
}

@test "a clean run passes, the skip has its reason" {
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 0 ]
	[[ $output == *"other_test: no AVIC"* ]]
}

@test "a splat fails a run whose tests all pass, and names the test" {
	sed -i '1a [    1.5] WARNING: CPU: 0 PID: 1 at arch/x86/kvm/mmu/mmu.c:6089' "$dir/console.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	[[ $output == *"no-splat: good_test: WARNING"* ]]
}

@test "lockdep, RCU, KASAN, UBSAN and SLUB reports are splats" {
	for text in 'BUG kmalloc-64 (Tainted: G    B   ): Poison overwritten' 'INFO: possible circular locking' 'rcu: INFO: rcu_sched self-detected stall' 'BUG: KASAN: use-after-free' 'UBSAN: shift-out-of-bounds'; do
		echo "[    1.5] $text" > "$dir/console.log"
		run "$top/scripts/results" "$dir"
		[ "$status" -eq 1 ]
	done
}

@test "a test without a result fails" {
	sed -i '/other_test/d' "$dir/tap.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	[[ $output == *"other_test: no result"* ]]
}

@test "a failing test fails" {
	sed -i 's/^ok 1.*/not ok 1 - good_test (exit 254)/' "$dir/tap.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	[[ $output == *"good_test: exit 254"* ]]
}

@test "an excused test that passes fails: its entry has to go" {
	sed -i 's/good_test/debug_regs/' "$dir/list" "$dir/tap.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	[[ $output == *"remove its entry"* ]]
}

@test "an expectation of one base excuses nothing on another" {
	sed -i 's/good_test/monitor_mwait_test/' "$dir/list" "$dir/tap.log"
	sed -i 's/^ok 1/not ok 1/' "$dir/tap.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	B=6.12 run "$top/scripts/results" "$dir"
	[ "$status" -eq 0 ]
	[[ $output == *"xfail"*"monitor_mwait_test"* ]]
}

@test "a kernel with KUnit whose console has no KUnit result fails" {
	echo CONFIG_KVM_KUNIT_TEST=y > "$dir/config"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	[[ $output == *"no KUnit result"* ]]
}

@test "count: a short plan, no test at all and a failure are failures; skip is not a pass" {
	printf '1..3\nok 1 - a\nok 2 - b # SKIP why\n' > short.tap
	run "$top/scripts/count" short.tap
	[ "$status" -eq 1 ]
	printf '1..0\n' > none.tap
	run "$top/scripts/count" none.tap
	[ "$status" -eq 1 ]
	printf '1..3\nok 1 - a\nok 2 - b # SKIP why\nnot ok 3 - c # TODO known\n' > fine.tap
	run "$top/scripts/count" fine.tap
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = '1 passed, 0 failed, 2 skipped' ]
}

@test "a topic's kernel: the engine is what comes after its name" {
	mv "$dir" results/topic-a-b-qemu-svm
	run "$top/scripts/results" results/topic-a-b-qemu-svm
	grep '"engine": "qemu-svm"' results/topic-a-b-qemu-svm/results.json
	grep '"kernel": "topic-a-b"' results/topic-a-b-qemu-svm/results.json
}

@test "preflight: a /dev/kvm that is neither VMX nor SVM is not called hardware" {
	mkdir -p sys/module/kvm_pvm
	echo 'flags : fpu sse' > cpuinfo
	fake python3 true
	SYS=$PWD/sys CPUINFO=$PWD/cpuinfo DEV_KVM=/dev/null run "$top/scripts/preflight"
	[ "$status" -eq 1 ]
	[[ $output == none:* || $output == other:* ]]
	SYS=$PWD/sys CPUINFO=$PWD/cpuinfo DEV_KVM=$PWD/absent run "$top/scripts/preflight"
	[ "$status" -eq 1 ]
	[[ $output == none:* ]]
}

@test "a race is a splat, but for those that the base has, too" {
	echo '[    1.5] BUG: KCSAN: data-race in nobody_knows / this_one' > "$dir/console.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 1 ]
	[[ $output == *"data-race in nobody_knows"* ]]
	awk '/^[^#]/ { print "[    1.5] BUG: KCSAN: data-race in " $2 ".part.0 / " $1 }' "$top/tools/lab/races" > "$dir/console.log"
	run "$top/scripts/results" "$dir"
	[ "$status" -eq 0 ]
}
