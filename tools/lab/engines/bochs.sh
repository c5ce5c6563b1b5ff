# SPDX-License-Identifier: GPL-2.0
# The part that every Bochs engine shares; sourced by bochs-vmx and bochs-svm, which set
#   model        the CPU model of Bochs
#   model_args   kernel arguments that this model needs
# shellcheck shell=bash disable=SC2154

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../scripts/lib.sh"

# Instructions a CPU executes in one emulated second: the frequency of its TSC and of its APIC timer.
ips=100000000
bochs=${BOCHS:-$build/bochs/bin/bochs}   # BOCHS=: another binary, for mutants
bios=/usr/share/bochs/BIOS-bochs-latest
vgabios=/usr/share/vgabios/vgabios.bin
# idle=halt: an MWAIT that loses its wakeup would stall an idle CPU. panic=-1 reboot=t: a panic becomes
# a triple fault, which ends Bochs at once. 115200: Bochs emulates the baud rate.
kernel_args="console=ttyS0,115200 idle=halt panic=-1 reboot=t mitigations=off"

bochs_packages()
{
	packages bochsbios vgabios isolinux syslinux-common genisoimage
	"$top/tools/lab/bochs/build"
}

bochs_version()
{
	local key
	key=$(cat "$build/bochs/stamp" 2> /dev/null) || key='not built'
	printf 'Bochs 3.0 + %s patches (stack %s), model %s\n' \
		"$(grep -c '\.patch$' "$top/tools/lab/bochs/series")" "$key" "$model"
}

# bochs_disc: a CD that boots KERNEL with INITRD; Bochs cannot load a kernel by itself.
bochs_disc()
{
	local disc=$1 tree=$1.tree
	rm -rf "$tree" && mkdir -p "$tree"
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$tree/"
	cp "$KERNEL" "$tree/bzimage"
	cp "$INITRD" "$tree/initrd"
	printf 'DEFAULT lab\nLABEL lab\nKERNEL /bzimage\nAPPEND initrd=/initrd %s\n' "$append" > "$tree/isolinux.cfg"
	genisoimage -quiet -o "$disc" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
		-boot-info-table "$tree" > "$OUT/disc.log" 2>&1 ||
		die "the boot CD could not be written" "read the log; is the disk full?" "$OUT/disc.log"
	rm -rf "$tree" "$OUT/disc.log"
}

# bochs_config COM1: the machine. Everything that could depend on the host's clock is off.
bochs_config()
{
	cat <<-EOF
	display_library: nogui
	romimage: file=$bios
	vgaromimage: file=$vgabios
	cpu: model=$model, count=${CPUS:-2}, ips=$ips, reset_on_triple_fault=0, ignore_bad_msrs=1
	memory: guest=${MEM:-1024}, host=${MEM:-1024}
	ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
	ata0-master: type=cdrom, path="$OUT/boot.iso", status=inserted
	boot: cdrom
	com1: enabled=1, $1
	com2: enabled=1, mode=file, dev="$OUT/tap.log"
	vga: extension=vbe, update_freq=5, realtime=0
	clock: sync=none, time0=1700000000
	mouse: enabled=0
	log: $OUT/bochs.log
	panic: action=fatal
	error: action=ignore
	info: action=ignore
	debug: action=ignore
	EOF
}

# bochs_ready: what a run needs; OUT becomes absolute because Bochs is told about it.
bochs_ready()
{
	local f
	[ -x "$bochs" ] || die "Bochs is not built" "run tools/lab/engines/${0##*/} packages"
	for f in KERNEL INITRD OUT; do
		[ -n "${!f:-}" ] || die "$f is not set" "see the first lines of tools/lab/engines/${0##*/}"
	done
	for f in "$KERNEL" "$INITRD" "$bios" "$vgabios"; do
		[ -r "$f" ] || die "there is no $f" "build it, or run tools/lab/engines/${0##*/} packages"
	done
	[ "${MEM:-1024}" -le 2048 ] || die "Bochs has at most 2048 MiB" "lower MEM=$MEM"
	mkdir -p "$OUT"
	OUT=$(cd "$OUT" && pwd)
	append="$kernel_args $model_args ${APPEND:-}"
	[ ${#append} -lt 1900 ] || die "the kernel command line is too long for isolinux" "shorten APPEND"
	rm -f "$OUT"/{console.log,tap.log,bochs.log,bochs.out}
	bochs_disc "$OUT/boot.iso"
}

# bochs_command: the record beside every result.
bochs_command()
{
	{
		bochs_version
		printf 'kernel: %s\ninitrd: %s\nappend: %s\n' "$KERNEL" "$INITRD" "$append"
		printf 'command: %s -q -f %s\n\n' "$bochs" "$OUT/bochsrc"
		cat "$OUT/bochsrc"
	} > "$OUT/command"
}

# bochs_verdict: Bochs ends with status 1 whatever happened; its last words say what did.
bochs_verdict()
{
	local last
	rm -f "$OUT/boot.iso"
	if grep -qs 'ACPI control: soft power off' "$OUT/bochs.out" "$OUT/bochs.log"; then
		return 0
	fi
	last=$(grep -hs '>>PANIC<<\|PANIC\|FATAL' "$OUT/bochs.log" "$OUT/bochs.out" | head -n 1 | cut -c1-200) || true
	if grep -qs 'Kernel panic' "$OUT/console.log"; then
		last=$(grep -a -m 1 'Kernel panic' "$OUT/console.log" | cut -c1-200)
	fi
	die "the machine did not power itself off: ${last:-Bochs ended without a word}" \
		"read the end of $OUT/console.log" "$OUT/bochs.log"
}

bochs_run()
{
	local pid
	bochs_ready
	bochs_config "mode=file, dev=\"$OUT/console.log\"" > "$OUT/bochsrc"
	bochs_command
	"$bochs" -q -f "$OUT/bochsrc" > "$OUT/bochs.out" 2>&1 < /dev/null &
	pid=$!
	trap 'kill -KILL $pid 2> /dev/null; rm -f "$OUT/boot.iso"; exit 143' TERM INT HUP
	wait "$pid" || true
	trap - TERM INT HUP
	bochs_verdict
}

bochs_shell()
{
	local state
	[ -t 0 ] || die "the shell needs a terminal" "call it from one"
	bochs_ready
	bochs_config "mode=term, dev=$(tty)" > "$OUT/bochsrc"
	bochs_command
	say "booting; the prompt comes in some ten seconds, 'poweroff -f' ends"
	state=$(stty -g)
	"$bochs" -q -f "$OUT/bochsrc" > "$OUT/bochs.out" 2>&1 < /dev/null || true
	stty "$state"
	bochs_verdict
}

case ${1:-} in
packages) bochs_packages ;;
version) bochs_version ;;
run) bochs_run ;;
shell) bochs_shell ;;
*) die "unknown verb '${1:-}'" "use packages, version, run or shell" ;;
esac
