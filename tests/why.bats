#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# scripts/why, with files in place of a host.
bats_require_minimum_version 1.5.0

setup()
{
	why=$BATS_TEST_DIRNAME/../scripts/why
	export SYS=$BATS_TEST_TMPDIR/sys CPUINFO=$BATS_TEST_TMPDIR/cpuinfo
	export DEBUGFS=$BATS_TEST_TMPDIR/debug TRACEFS=$BATS_TEST_TMPDIR/tracing WAIT=0
	echo 'flags : svm avic x2avic' > "$CPUINFO"
	mkdir -p "$SYS/module/kvm_amd/parameters" "$DEBUGFS/kvm"
	echo Y > "$SYS/module/kvm_amd/parameters/avic"
	echo Y > "$SYS/module/kvm_amd/parameters/enable_ipiv"
}

# vm NAME: a VM whose file in debugfs is standard input.
vm()
{
	mkdir -p "$DEBUGFS/kvm/$1"
	cat > "$DEBUGFS/kvm/$1/apicv"
}

@test "a VM that uses AVIC" {
	vm 1-7 <<< $'apicv: on\nreason now set cleared us\nABSENT no 1 1 20\nvcpu 0: on'
	run -0 "$why"
	[ "${lines[0]}" = 'host: SVM, AVIC on, x2AVIC on, IPI virtualization on' ]
	[[ ${lines[1]} == 'VM 1-7 '*': AVIC on, IPI virtualization on' ]]
	[[ $output == *'ABSENT set 1 times, 20 us'* ]]
}

@test "with an argument it says what it is" {
	run -2 "$why" --help
	[[ ${lines[0]} == 'For each VM of this host'* ]]
}

@test "both modules are there: the CPU decides" {
	mkdir -p "$SYS/module/kvm_intel/parameters"
	run -0 "$why"
	[[ ${lines[0]} == 'host: SVM'* ]]
	echo 'flags : vmx' > "$CPUINFO"
	run -0 "$why"
	[[ ${lines[0]} == 'host: VMX, APICv unknown'* ]]
}

@test "each reason by name, with who sets it and how to avoid it, and those of a vCPU" {
	vm 1-7 <<< $'apicv: off IRQWIN PIT_REINJ\nPIT: 3 ticks owed\nvCPU 2: ID 5 shared with vCPU 7\nvcpu 0: off\nvcpu 1: off NESTED'
	run -0 "$why"
	[[ $output == *'  waits for PIT: 3 ticks owed'* ]]
	[[ $output == *'  waits for vCPU 2: ID 5 shared with vCPU 7'* ]]
	[[ $output == *'AVIC off, IPI virtualization off'* ]]
	[[ $output == *'IRQWIN (7): '*'Set by '*'To avoid it: '*'PIT_REINJ (8): '* ]]
	[[ $output == *'vcpu 1: off NESTED  (for this vCPU alone)'* ]]
	[[ $output != *'vcpu 0'* ]]
}

@test "a reason that nobody described" {
	vm 1-7 <<< $'apicv: off MOON'
	run -0 "$why"
	[[ $output == *'MOON: not a reason'* ]]
}

@test "an unpatched kernel: what changes while we look" {
	local event=events/kvm/kvm_apicv_inhibit_changed
	mkdir -p "$DEBUGFS/kvm/1-7" "$TRACEFS/$event" "$TRACEFS/instances/kvm-x86-series/$event"
	echo somebody > "$TRACEFS/trace"
	echo 1 > "$TRACEFS/$event/enable"
	printf ' x-1 [0] 1.0: kvm_apicv_inhibit_changed: set reason=%s, inhibits=0x80\n' 7 8 > "$TRACEFS/instances/kvm-x86-series/trace"
	run -0 "$why"
	[[ $output == *'tracing changes for 0 s'*'set 1 times:'*'IRQWIN'*'PIT_REINJ'*'for good'* ]]
	[ "$(cat "$TRACEFS/instances/kvm-x86-series/$event/enable")" = 0 ]
	# Nobody else's buffer or events.
	[ "$(cat "$TRACEFS/trace" "$TRACEFS/$event/enable")" = $'somebody\n1' ]
}

@test "an upstream kernel: its trace event has the numbers" {
	mkdir -p "$DEBUGFS/kvm/1-7" "$TRACEFS/events/kvm/kvm_apicv_inhibit_changed"
	cd "$TRACEFS/events/kvm/kvm_apicv_inhibit_changed"
	: > enable
	echo 'print fmt: "%s", __print_flags(REC->inhibits, "|", { ((((1UL))) << (0)), "DISABLED" }, { ((((1UL))) << (1)), "HYPERV" }, { ((((1UL))) << (2)), "PHYSICAL_ID_ALIASED" })' > format
	vm 1-7 <<< $'apicv: off HYPERV PHYSICAL_ID_ALIASED\nIRQWIN: 2 vCPUs wait for an interrupt window'
	run -0 "$why"
	[[ $output == *'HYPERV (1): '*'PHYSICAL_ID_ALIASED (2): Several APICs'* ]]
	[[ $output == *'waits for IRQWIN: 2 vCPUs'* ]]
}

@test "no tracepoint, no VM, no module, no debugfs: each is said" {
	run -0 "$why"
	[ "${lines[1]}" = 'no VM' ]
	mkdir -p "$DEBUGFS/kvm/1-7"
	run -0 "$why"
	[[ $output == *'no tracepoint'* ]]
	rm -r "$DEBUGFS/kvm"
	run -1 "$why"
	[[ $output == *'Next: mount'* ]]
	rm -r "$SYS/module/kvm_amd"
	run -1 "$why"
	[[ $output == *'neither VMX with kvm_intel nor SVM with kvm_amd'* ]]
}

@test "a reason without its three lines is refused, and so is a stale document" {
	cp "$BATS_TEST_DIRNAME/../arch/x86/include/asm/kvm_apicv.h" "$BATS_TEST_TMPDIR/header"
	sed -i '/Move it back/d' "$BATS_TEST_TMPDIR/header"
	HEADER=$BATS_TEST_TMPDIR/header run -1 "$BATS_TEST_DIRNAME/../scripts/inhibits" --list
	[[ $output == *'APIC_BASE_MODIFIED is not described'* ]]
	HEADER=$BATS_TEST_TMPDIR/header run -1 "$BATS_TEST_DIRNAME/../scripts/inhibits" --check
	run -0 "$BATS_TEST_DIRNAME/../scripts/inhibits" --check
}
