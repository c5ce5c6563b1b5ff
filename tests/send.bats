# SPDX-License-Identifier: GPL-2.0
# scripts/send: whose mails, of what, compared with what.
load lib

setup()
{
	world_with_series
	export HOME=$PWD/home GIT_CONFIG_NOSYSTEM=1
	mkdir home
}

@test "send: the topic, from and signed off by the sender, on what it needs" {
	run "$top/scripts/send"
	last_line_says "no topic is called ''" "one of: one two three"
	TOPIC=two run "$top/scripts/send"
	last_line_says "git does not know who sends" "user.name"
	git config --global user.name 'Jo Sendér'
	git config --global user.email jo@localhost
	TOPIC=two run "$top/scripts/send"
	last_line_says "no cover letter" "patches/two/cover"
	printf 'KVM: x86: Two\n\nThe text of the cover letter.\n' > patches/two/cover
	commit 'true; git commit -q --amend -m "KVM: x86: Change c again" -m "It is." -m "Upstream: none"; echo x >> arch/x86/kvm/c.c' 'KVM: x86: x'
	TOPIC=two run "$top/scripts/send"
	last_line_says "not exported"
	topic three
	"$top/scripts/export"
	TOPIC=two run "$top/scripts/send"
	[[ $output == *"in the name of Jo Sendér <jo@localhost>"*"needs topics one;"* ]]
	mbox=build/6.1/send/two/v1.mbox
	grep -q '^base: Linux v' $mbox
	[ "$(grep -c '^prerequisite-patch-id: ' $mbox)" -eq 1 ]
	grep -q 'The text of the cover letter' $mbox
	grep -qx 'Applies on top of these series, in this order: one.' $mbox
	[ "$(grep -c '^Subject: ' $mbox)" -eq 2 ]
	[ "$(grep -c '^From: .*Jo.*Send.*<jo@localhost>$' $mbox)" -eq 2 ]
	[ "$(grep -c '^Signed-off-by: Jo Sendér <jo@localhost>$' $mbox)" -eq 1 ]
	! grep -q 'series@localhost' $mbox
	cp patches/two/cover patches/three/
	TOPIC=three "$top/scripts/send"
	grep -A 1 -x 'Upstream: none' build/6.1/send/three/v1.mbox | grep -q ^Signed-off-by
}

@test "send PREV: a range-diff to the topic, to a flat series; what is not there is said" {
	export TOPIC=three
	git config --global user.name Jo
	git config --global user.email jo@localhost
	printf 'KVM: x86: Three\n\nText.\n' | tee patches/two/cover > patches/three/cover
	mkdir flat
	cp patches/{one,three}/*.patch flat
	mv flat/0001-KVM-x86-Change-a.patch flat/0000-a.patch
	(cd flat && printf '%s\n' 000* > series)
	git init -q
	git add flat patches
	git commit -q -m 1
	commit 'git commit -q --amend -m "KVM: x86: Change c anew"; true; echo > z' 'KVM: x86: z'
	topic three
	"$top/scripts/export"
	PREV=HEAD "$top/scripts/send"
	grep -q '^Subject: \[PATCH v2 0/3\]' build/6.1/send/three/v2.mbox
	grep -q '^2: .* ! 2: .*Change c again' build/6.1/send/three/v2.mbox
	git rm -q -r --cached patches flat
	mv patches patches.new
	mv flat patches
	git add patches
	git commit -q -m flat
	mv patches flat
	mv patches.new patches
	PREV=HEAD run "$top/scripts/send"
	[[ $output == *"its whole series"* ]]
	grep -q '^2: .* = 1: .*Change c$' build/6.1/send/three/v2.mbox
	TOPIC=two PREV=HEAD^ "$top/scripts/send"
	PREV=nowhere run "$top/scripts/send"
	last_line_says "nowhere has no patches/6.1"
	git rm -q -r --cached patches
	git add patches/topics
	git commit -q -m none
	PREV=HEAD run "$top/scripts/send"
	last_line_says "has no topic three"
}

@test "send: to upstream, if the base is one of upstream's: addressed, named, and without what upstream did instead" {
	git config --global user.name Jo
	git config --global user.email jo@localhost
	commit 'mkdir scripts; echo "print \"Max <max\\@localhost>\\n\" unless grep { /no-m/ } @ARGV;" > scripts/get_maintainer.pl; echo x >> arch/x86/kvm/c.c' \
		"$(printf 'KVM: x86: Ask\n\nIt is.\n\nUpstream: none')"
	topic three
	"$top/scripts/export"
	printf 'KVM: x86: Three\n\nThe text.\n' > patches/three/cover
	echo 'upstream v6.1' > patches/source
	TOPIC=three "$top/scripts/send"
	mbox=build/6.1/send/three/v1.mbox
	grep -qx 'base: Linux v6.1' $mbox
	grep -qx 'To: Max <max@localhost>' $mbox
	[ "$(grep -c '^Upstream: ' $mbox)" -eq 0 ]
}
