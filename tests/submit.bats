#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# make submit-results: nothing that tells which machine it was; results/hardware/ makes the host column.
bats_require_minimum_version 1.5.0
load lib

setup()
{
	world
	export SUBMIT_ROOT=$PWD/root RESULTS=$PWD/results
	run=$BUILD/6.1/results/patched-host
	mkdir -p "$run" "$BUILD/6.1/bench" root/etc root/sys/class/dmi/id root/sys/class/net/eth0 root/sys/block/sda/device results
	echo moonbase7 > root/etc/hostname
	echo CZ1234X89 > root/sys/class/dmi/id/product_serial
	echo 'To be filled by O.E.M.' > root/sys/class/dmi/id/board_serial
	echo 00:16:3e:aa:bb:cc > root/sys/class/net/eth0/address
	echo WD-WX11A > root/sys/block/sda/device/serial
	printf '{"engine": "host", "kernel": "patched", "platform": "hardware", "emulator": "e", "release": "6.1.192", "tests": [{"kind": "selftest", "test": "ipiv_test", "status": "pass", "reason": ""}]}' > "$run/results.json"
	printf 'model name : Some(R) CPU 9000 @ 2.00GHz\nmicrocode : 0xd0003a5\nkernel: 6.1.192 #1 SMP\ncommand line: root=UUID=3e0c1c1e-99aa-4bcd-8f00-0123456789ab ro\n' > "$run/machine"
	echo 6.1.192 > "$run/kernel"
	printf 'ok 1 - ipiv_test\n' > "$run/tap.log"
	cat > "$run/console.log" <<-'EOT'
		[    1.0] lab: begin on
		[    1.1] eth0: renamed, Link up on MoonBase7, 00:16:3E:AA:BB:CC
		[    1.2] nfs: server 192.168.17.4 and fe80::216:3eff:feaa:bbcc%eth0 and 2001:db8:0:1:2:3:4:5 not responding
		[    1.3] usb 1-1: SerialNumber: 4C530001230
		[    1.4] ata1: disk WD-WX11A, wwn-0x50014ee2b1234567, board CZ1234X89
		[    1.5] python3[77]: /home/Someone7/kvm by someone.else@example.org
		[    1.6] pci 0000:00:1f.2: [8086:2922] type 00 class 0x010601, time 12:34:56, CPU 0 PID: 1
		[    1.7] kvm: QEMU 7.2.22, ffffffff81000000 00:25:00
	EOT
}

@test "what was planted is gone, what is technical stays, and the list comes first" {
	run -0 "$top/scripts/submit"
	[[ ${lines[0]} == *'will hold:' ]]
	[[ ${lines[-1]} == written.* ]]
	cd "$BUILD/submit/some-9000-6.1.192"
	run ! grep -riE 'moonbase7|CZ1234X89|16:3e|WD-WX11A|192\.168|fe80|2001:db8|4C53|50014ee|someone|3e0c1c1e' .
	grep -q 'pci 0000:00:1f.2: \[8086:2922\]' 6.1/patched-host/console.log
	grep -q 'time 12:34:56, CPU 0 PID: 1' 6.1/patched-host/console.log
	grep -q 'QEMU 7.2.22' 6.1/patched-host/console.log
	grep -q 'microcode : 0xd0003a5' 6.1/patched-host/machine
	grep -q 'badge hardware' report.html
	grep -q 6.1/patched-host/console.log README
}

@test "nothing of this machine: one line" {
	rm -r "$run"
	run -1 "$top/scripts/submit"
	last_line_says "no results of this machine" "ENGINE=host"
}

@test "one that is left: nothing is kept" {
	# a version of it that replaces nothing
	sed 's/text = pattern.sub(word, text)/pass/' "$top/scripts/submit" > "$BATS_TEST_TMPDIR/broken"
	PYTHONPATH=$top/scripts run -1 python3 -B "$BATS_TEST_TMPDIR/broken"
	last_line_says "nothing was kept"
	[ ! -e "$BUILD/submit" ]
}

@test "the host column: untested until hardware's results are there, never from a virtual machine" {
	column() { PYTHONPATH=$top/scripts python3 -B -c "import importlib.machinery as m; r = m.SourceFileLoader('readme', '$top/scripts/readme').load_module(); print(next(l for l in r.block() if l.startswith('| IPIv | v6.1')).split('|')[-2].strip())"; }
	[ "$(column)" = untested ]
	"$top/scripts/submit"
	mkdir results/hardware
	cp -r "$BUILD/submit/some-9000-6.1.192" results/hardware/
	[ "$(column)" = 'some-9000-6.1.192: 1 pass' ]
	sed -i 's/"hardware"/"virtual machine"/' results/hardware/*/6.1/patched-host/results.json
	[ "$(column)" = untested ]
}
