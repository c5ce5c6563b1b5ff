# SPDX-License-Identifier: GPL-2.0
# The part that both engines of QEMU share; sourced by qemu-svm and kvm, which set
#   accel   arguments that choose how CPUs run
#   model   the CPU
# and may define usable(), which dies where a run would not begin.
# shellcheck shell=bash disable=SC2154

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../scripts/lib.sh"

command_line()
{
	set -- qemu-system-x86_64 "${accel[@]}" -machine pc -cpu "$model" \
		-smp "${CPUS:-2}" -m "${MEM:-1024}" -nodefaults -display none -no-reboot \
		-kernel "$KERNEL" -initrd "$INITRD" \
		-append "console=ttyS0,115200 panic=-1 mitigations=off tsc=reliable ${APPEND:-}" "$@"
	printf '%q ' "$@"
}

qemu_engine()
{
	case "${1:-}" in
	packages)
		! declare -F usable > /dev/null || usable
		packages qemu-system-x86
		;;
	version)
		qemu_version
		;;
	run)
		command_line -serial "file:$OUT/console.log" -serial "file:$OUT/tap.log" > "$OUT/command"
		eval exec "$(cat "$OUT/command")" > "$OUT/engine.log" 2>&1
		;;
	shell)
		eval exec "$(command_line -serial mon:stdio -serial null)"
		;;
	*)
		die "unknown argument '${1:-}'" "$0 packages|version|run|shell"
		;;
	esac
}

qemu_version() { qemu-system-x86_64 --version | head -n 1; }
