#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The engines host and kvm, on machines that are not what they need: one line each; and what they must leave alone.
bats_require_minimum_version 1.5.0
load lib

setup()
{
	world
	mkdir -p sys/module/kvm/parameters sys/module/kvm_amd/parameters proc boot
	export SYS=$PWD/sys PROC=$PWD/proc CPUINFO=$PWD/cpuinfo KMSG=$PWD/kmsg TRACING=$PWD/tracing
	export KCONFIG=$PWD/absent BOOT=$PWD/boot PREFLIGHT=$PWD/preflight DEV_KVM=/dev/null
	printf 'processor : 0\nmodel name : Some CPU\nmicrocode : 0x1\nflags : fpu svm\n' > cpuinfo
	printf '#!/bin/sh\necho svm\n' > preflight
	chmod +x preflight
	echo '# CONFIG_KVM_KUNIT_TEST is not set' > "boot/config-$(uname -r)"
	echo 1 > sys/module/kvm_amd/parameters/nested
	echo N > sys/module/kvm_amd/parameters/avic
	echo 77 > sys/module/kvm/parameters/halt_poll_ns
	echo 0 > sys/module/kvm_amd/refcnt
	fake id 'echo 0'
	fake qemu-system-x86_64 'echo QEMU'
}

host() { "$top/tools/lab/engines/host" "$@"; }
kvm() { "$top/tools/lab/engines/kvm" "$@"; }

@test "host: not root" {
	fake id 'echo 1000'
	run host packages
	last_line_says "need root" "sudo"
}

@test "host: no /dev/kvm, and one that is neither VMX nor SVM" {
	PREFLIGHT=$top/scripts/preflight DEV_KVM=$PWD/absent run host packages
	last_line_says "there is no $PWD/absent" "ENGINE=qemu-svm"
	printf '#!/bin/sh\necho "other: neither vmx nor svm"; exit 1\n' > preflight
	run host packages
	last_line_says "other: neither" "ENGINE=qemu-svm"
}

@test "host: the running kernel does not have the series, or has it where it must not" {
	host packages
	LAB_KERNEL=base run host packages
	last_line_says "has the series"
	echo CONFIG_KVM=m > "boot/config-$(uname -r)"
	run host packages
	last_line_says "does not have the series" "make deb"
	LAB_KERNEL=base host packages
}

@test "host: what is hardware, and what is not" {
	[ "$(host platform)" = unknown ]
	mkdir -p sys/class/dmi/id
	echo 'Some Vendor' > sys/class/dmi/id/sys_vendor
	[ "$(host platform)" = hardware ]
	echo Bochs > sys/class/dmi/id/bios_vendor
	[ "$(host platform)" = unknown ]
	rm sys/class/dmi/id/bios_vendor
	sed -i 's/flags.*/& hypervisor/' cpuinfo
	[ "$(host platform)" = 'virtual machine' ]
}

@test "kvm: no KVM, neither VMX nor SVM, no permission, nested off" {
	kvm packages
	DEV_KVM=$PWD/absent run kvm packages
	last_line_says "there is no $PWD/absent" "modprobe kvm_amd"
	echo 0 > sys/module/kvm_amd/parameters/nested
	run kvm packages
	last_line_says "nested virtualization is off" "modprobe kvm_amd nested=1"
	sed -i 's/svm//' cpuinfo
	run kvm packages
	last_line_says "neither vmx nor svm" "ENGINE=qemu-svm"
}

@test "kvm: QEMU gets -accel kvm -cpu host; the platform is a virtual machine" {
	mkdir out
	KERNEL=k INITRD=i OUT=$PWD/out kvm run
	grep -q -- '-accel kvm .*-cpu host' out/command
	[ "$(cat out/platform)" = 'virtual machine' ]
	[[ $(kvm version) == 'virtual machine of '*'Some CPU' ]]
}

@test "kvm: a skip for the lack of AVIC says why it lacks it" {
	mkdir -p r/patched-kvm
	printf 'a_test 1\nb_test 1\n' > r/patched-kvm/list
	printf '1..2\nok 1 - a_test # SKIP no AVIC\nok 2 - b_test # SKIP no SEV\n' > r/patched-kvm/tap.log
	touch r/patched-kvm/{console.log,engine,kernel}
	run "$top/scripts/results" r/patched-kvm
	[[ $output == *'a_test: no AVIC; KVM gives its guests neither'* ]]
	[[ $output == *'b_test: no SEV'$'\n'* ]]
	[[ $output == *'Of real hardware: nothing here'* ]]
}

# stub_host: an engine that only pretends, and a modprobe that knows its own defaults.
stub_host()
{
	export LAB_ENGINES=$PWD/engines LAB_READY=1 BENCH=0
	local work=$BUILD/6.1
	mkdir -p engines "$work/selftests"
	echo a_test > "$work/selftests/list"
	touch "$work/selftests/a_test"
	cat > engines/host <<-'STUB'
		#!/bin/sh
		case $1 in
		version) echo stub ;;
		platform) echo unknown ;;
		parameters) cat "$SYS/module/kvm_amd/parameters/avic" ;;
		run)
			cat "$SYS/module/kvm_amd/parameters/avic" > "$OUT/avic"
			echo 5 > "$SYS/module/kvm/parameters/halt_poll_ns"
			: > "$OUT/console.log"
			[ -z "${STOP:-}" ] || { kill -INT "$PPID"; sleep 1; exit 130; }
			printf '1..1\nok 1 - a_test\n# lab: all tests done\n' > "$OUT/tap.log" ;;
		esac
	STUB
	chmod +x engines/host
	fake modprobe 'echo "$*" >> modprobe.log
		case "$*" in -r*) exit ;; *avic=1*) a=Y ;; *) a=N ;; esac
		echo $a > "$SYS/module/kvm_amd/parameters/avic"; echo 200000 > "$SYS/module/kvm/parameters/halt_poll_ns"'
}

@test "host: features on and off, each with results of its own, and all parameters as before" {
	stub_host
	run -0 "$top/scripts/host"
	[ "$(cat "$BUILD/6.1/results/patched-host/avic")" = Y ]
	[ "$(cat "$BUILD/6.1/results/patched.off-host/avic")" = N ]
	[ "$(cat sys/module/kvm_amd/parameters/avic)" = N ]
	[ "$(cat sys/module/kvm/parameters/halt_poll_ns)" = 77 ]
	[[ $output == *'parameters of modules are as they were'* ]]
}

@test "host: a CPU without the features gets no run with them off, and that is said" {
	stub_host
	sed -i 's/a=Y/a=N/' fakes/modprobe
	run -0 "$top/scripts/host"
	[[ $output == *'has none on this CPU'* ]]
	[ ! -e "$BUILD/6.1/results/patched.off-host" ]
}

@test "host: interrupted: parameters as before" {
	stub_host
	STOP=1 run "$top/scripts/host"
	[ "$status" -ne 0 ]
	[ "$(cat sys/module/kvm_amd/parameters/avic)" = N ]
	[ "$(cat sys/module/kvm/parameters/halt_poll_ns)" = 77 ]
}

@test "host: somebody's VM runs: nothing is loaded again, and that is said" {
	stub_host
	mkdir -p proc/4711/fd
	ln -s anon_inode:kvm-vm proc/4711/fd/9
	run -0 "$top/scripts/host"
	[[ $output == *'a VM is running (process 4711)'* ]]
	[ ! -e modprobe.log ]
	grep -q 'KUnit not run: a VM is running' kmsg
}

@test "host: /dev/kvm open, KVM built in: nothing is loaded again" {
	stub_host
	echo 1 > sys/module/kvm_amd/refcnt
	run -0 "$top/scripts/host"
	[[ $output == *'somebody has /dev/kvm open'* ]]
	rm sys/module/kvm_amd/refcnt
	run -0 "$top/scripts/host"
	[[ $output == *'built into the kernel'* ]]
	[ ! -e modprobe.log ]
}
