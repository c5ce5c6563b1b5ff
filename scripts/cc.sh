# SPDX-License-Identifier: GPL-2.0
# Sourced after lib.sh: how a program of ours is compiled against the KVM selftests' library, which scripts/selftests has built.
# shellcheck shell=bash disable=SC2034,SC2154

# selftest_cc ARG... of the compiler, the library's objects among them: selftest_objects says which those are.
selftest_cc()
{
	local tests=$work/linux/tools/testing/selftests   # not $work/tree, which may be at the base's commit
	gcc -O2 -std=gnu99 -Wall -static -pthread -no-pie -fno-PIE -fno-stack-protector -fno-strict-aliasing -mno-red-zone -U_FORTIFY_SOURCE \
		-I"$tests/kvm/include" -I"$tests/kvm/include/x86_64" -I"$tests" -I"$work/linux/tools/include" \
		-I"$work/linux/tools/arch/x86/include" -isystem "$work/out/usr/include" "$@"
}

# selftest_objects: fills the array objects of the caller.
selftest_objects()
{
	[ -d "$work/selftests-out/lib" ] || die "the selftests are not built" "run make selftests first"
	mapfile -t objects < <(find "$work/selftests-out/lib" -name '*.o')
}
