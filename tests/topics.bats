#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Kernels, prefixes and tests of single topics, with a make that only pretends, and the form of the patches' trailers.

load lib
# shellcheck disable=SC2154 # top is lib's

setup()
{
	world_with_series
	fake dpkg-query 'echo installed'
	# It keeps the configuration, "builds" if the tree has no file "broken", and notes what it was asked for.
	fake make '
		tree=. out=.
		while [ $# -gt 0 ]; do
			case $1 in -C) tree=$2; shift ;; O=*) out=${1#O=} ;; KCONFIG_ALLCONFIG=*) config=${1#*=} ;; esac
			last=$1
			shift
		done
		echo "${ARCH:-} $last $(grep -l . $tree/arch/x86/kvm/* | xargs -n 1 basename | xargs)" >> "$BUILD/makes"
		case $last in
		kernelversion) echo 6.1.192 ;;
		allnoconfig) sed "/=n\$/d" "$config" > "$out/.config" ;;
		esac
		[ ! -e "$tree/broken" ] || [ "$last" != arch/x86/kvm/ ] || exit 1
		mkdir -p "$out/arch/x86/boot" "$out/include/config" "$out/arch/x86/kvm"
		cat "$tree"/arch/x86/kvm/*.c > "$out/arch/x86/boot/bzImage"
		touch "$out/include/config/kernel.release"'
}

@test "a topic's kernel: the base, what it needs and itself; no option that it does not have" {
	"$top/scripts/kernel" topic-three
	cmp build/6.1/kernels/topic-three/bzImage <(cat <(linux show topic/one:arch/x86/kvm/a.c) kernel/arch/x86/kvm/b.c <(linux show series:arch/x86/kvm/c.c))
	! grep KUNIT_TEST build/6.1/kernels/topic-three/config
	commit 'echo "config KVM_KUNIT_TEST" > arch/x86/kvm/Kconfig' 'KVM: x86: Add KUnit'
	run "$top/scripts/kernel" topic-three
	last_line_says "not exported" "make export"
	topic three
	"$top/scripts/export"
	"$top/scripts/kernel" topic-three
	grep -x CONFIG_KVM_KUNIT_TEST=y build/6.1/kernels/topic-three/config
	run "$top/scripts/kernel" topic-four
	last_line_says "no topic is called 'four'" "one of: one two three"
}

@test "a kernel of a topic that does not apply alone names the patch" {
	printf 'one:\ntwo: one\nthree:\n' > patches/topics
	commit 'sed -i s/^ten$/TEN/ arch/x86/kvm/a.c' 'KVM: x86: Change a again'
	topic three
	"$top/scripts/export"
	run "$top/scripts/kernel" topic-three
	last_line_says "does not apply: three/0003-KVM-x86-Change-a-again.patch" "topic three does not apply"
}

@test "version 1: a clone without that commit says so" {
	run "$top/scripts/kernel" v1
	last_line_says "this clone has no commit" "git fetch --unshallow"
}

@test "bisect: each topic on what it needs, its end for 32 bits, then the whole series; a patch that breaks is named" {
	run "$top/scripts/bisect"
	[[ $output == *'1..15'*'ok 1 - builds: one/0001'*'ok 2 - builds for 32 bits: one'*'ok 3 - builds: two/0001'*'ok 7 - builds for 32 bits: three'*'ok 15 - builds with'* ]]
	[[ $output != *'not ok'* ]]
	# "three" has neither n.c nor more than one build for 32 bits.
	[ "$(grep 'arch/x86/kvm/ ' build/makes | sed -n '6,8p')" = $' arch/x86/kvm/ a.c b.c c.c\n arch/x86/kvm/ a.c b.c c.c\ni386 arch/x86/kvm/ a.c b.c c.c' ]
	[ "$(grep -c '^i386 arch' build/makes)" -eq 3 ]
	commit 'touch broken' 'KVM: x86: Break'
	commit 'git rm -q broken' 'KVM: x86: Mend'
	topic three
	"$top/scripts/export"
	run "$top/scripts/bisect"
	[[ $output == *'not ok 7 - builds: three/0003-KVM-x86-Break.patch'*$'\nok 8 - builds: three/0004'* ]]
	[ "$(grep -c '^not ok' <<< "$output")" -eq 1 ]
}

@test "a complete run: what it built just so bisect skips, the rest it builds; what has changed is named; a failed run is none" {
	export RESULTS=$BATS_TEST_TMPDIR/results
	run "$top/scripts/complete"
	[ "$status" -eq 1 ] && [[ $output == *"no complete run"* ]]
	printf '1..1\nnot ok 1 - a\n' > bad.tap
	run "$top/scripts/complete" record bad.tap
	last_line_says "0 passed, 1 failed" "mend what failed"
	[ ! -e results ]
	printf '1..1\nok 1 - a\n' > good.tap
	"$top/scripts/complete" record good.tap
	run "$top/scripts/complete"
	[ "$status" -eq 0 ] && [[ $output == *"no patch has changed"*"1 passed, 0 failed, 0 skipped"* ]]
	run "$top/scripts/bisect"
	[ "$(grep -c '^ok .* # SKIP as in the complete run of ' <<< "$output")" -eq 15 ]
	[ ! -e build/makes ]
	commit 'sed -i s/^12$/twelve/ arch/x86/kvm/c.c' 'KVM: x86: Change c once more'
	topic three
	"$top/scripts/export"
	run "$top/scripts/complete"
	[ "$status" -eq 1 ] && [[ $output == *"from three/0003-KVM-x86-Change-c-once-more.patch on"* ]]
	run bash -c "\"$top/scripts/bisect\" 2> /dev/null"
	[ "$(sed -n 's/^ok \([0-9]*\) .* # SKIP.*/\1/p' <<< "$output" | xargs)" = "1 2 3 4 5 6" ]
	[ "$(grep -vc SKIP <<< "$output")" -eq 12 ]
	run "$top/scripts/bisect" --all
	[[ $output != *SKIP* ]]
}

@test "a topic's own selftests are those that its patches add" {
	commit 'mkdir -p tools/testing/selftests/kvm; echo "TEST_GEN_PROGS_x86_64 += old_test" > tools/testing/selftests/kvm/Makefile' 'KVM: selftests: Add old'
	topic three
	printf 'one:\ntwo: one\nthree: one\nfour:\n' > patches/topics
	commit 'printf "TEST_GEN_PROGS_x86_64 += %s\n" x86_64/new_test other_test >> tools/testing/selftests/kvm/Makefile' 'KVM: selftests: Add new'
	topic four
	"$top/scripts/export"
	run bash -c ". '$top/scripts/lib.sh'; . '$top/scripts/topics.sh'; own_tests four; own_tests two"
	[ "$output" = $'new_test\nother_test' ]
}

# form TEXT: what scripts/patches says of a patch to the code of KVM with this changelog.
form()
{
	commit "echo x >> ${2:-arch/x86/kvm/c.c}" "KVM: x86: ${3:-Change} c"$'\n\n'"$1"
	topic three
	"$top/scripts/export" 2> /dev/null
	run "$top/scripts/patches" --form
	output=$(grep '0003' <<< "$output" || true)
	linux reset -q --hard HEAD^
	topic three
}

@test "trailers: each form that is wrong is named, each that is right is not" {
	local id=0123456789ab
	form 'Text.'
	[[ $output == *"three/0003-KVM-x86-Change-c.patch: 0 Upstream: trailers, has to be 1"* ]]
	for text in 'none' "different, $id" "same, $id" "different, v7.3"; do
		form "Text."$'\n\n'"Upstream: $text"
		[ -z "$output" ]
	done
	for text in 'maybe' "same as $id" "different, 0123" "same, 7.3"; do
		form "Text."$'\n\n'"Upstream: $text"
		[[ $output == *"not an answer of upstream's"*"$text"* ]]
	done
	form $'Text.\n\nUpstream: none\nUpstream: none'
	[[ $output == *'2 Upstream:'* ]]
	for file in arch/x86/kvm/c_test.c Documentation/virt/kvm/x.rst tools/testing/selftests/kvm/c.c; do
		form 'Text.' "notes; rm notes; mkdir -p $(dirname $file); echo >> $file"
		[ -z "$output" ]
	done
}

@test "trailers: a fix says since when, by its subject or by control" {
	form $'Text since it is.\n\nUpstream: none' arch/x86/kvm/c.c Fix
	[[ $output == *'a fix that has no Fixes:'* ]]
	echo 'fix KVM: x86: Change c' > patches/control
	form $'Text.\n\nUpstream: none'
	[[ $output == *'a fix that has no Fixes:'* ]]
	form $'It is so since\nv5.18.\n\nUpstream: none'
	[ -z "$output" ]
	form $'Text.\n\nFixes: 0123456789ab ("KVM: x86: c")\nUpstream: none'
	[ -z "$output" ]
	form $'Text.\n\nFixes: 0123 ("KVM: x86: c")\nUpstream: none'
	[[ $output == *"not 'Fixes: <12 digits>"* ]]
}

@test "the table of the patches: a stale one is found" {
	"$top/scripts/patches" --check
	sed -i 's/none/None/' mirrors/Documentation/patches.md
	run "$top/scripts/patches" --check
	[ "$status" -eq 1 ]
	[[ $output == *"run it"* ]]
}
