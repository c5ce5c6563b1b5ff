# SPDX-License-Identifier: GPL-2.0
load lib

setup() { world_with_series; }

@test "apply and export: a second export changes nothing, the mirror is there" {
	cp -a patches before
	"$top/scripts/export"
	diff -r before patches
	[ "$(cat mirrors/arch/x86/kvm/n.c)" = new ]
	"$top/scripts/export" --check
	rm -rf build
	"$top/scripts/apply"
	[ "$(linux log --format=%s topic/one..topic/two)" = 'KVM: x86: Add n' ]
	[ "$(linux rev-parse series)" = "$(linux rev-parse topic/three)" ]
	"$top/scripts/export"
	diff -r before patches
}

@test "export: each topic from 0001, from the series whoever committed, a table of all" {
	[ "$(cat patches/three/series)" = $'0001-KVM-x86-Change-c.patch\n0002-KVM-x86-Change-c-again.patch' ]
	commit 'sed -i s/^12$/twelve/ arch/x86/kvm/c.c' 'KVM: x86: Change c once more'
	linux -c user.name='A Björn With A Name That Is Longer Than A Header Line Of A Mail' -c user.email=b@localhost \
		commit -q --amend --no-edit --reset-author
	topic three
	"$top/scripts/export"
	[ "$(sed -n 2,3p patches/three/0003* | cut -d: -f1,2)" = "$(printf 'From: kvm-x86-series <series@localhost>\nDate: %s' "$(sed -n 's/^Date: \(.*\):.*:.*/\1/p' patches/three/0003*)")" ]
	"$top/scripts/export" --check
	grep -q '^| three | KVM: x86: Change c once more |' mirrors/Documentation/patches.md
}

@test "export: a rebase takes the topics' branches along" {
	commit 'sed -i s/^2$/TWO/ arch/x86/kvm/a.c' 'fixup! KVM: x86: Change a'
	linux reset -q --hard HEAD^     # the last topic stays where it is
	linux checkout -q ORIG_HEAD
	linux branch -q -f series HEAD
	linux checkout -q series
	GIT_SEQUENCE_EDITOR=true GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@localhost linux rebase -q -i --autosquash base
	"$top/scripts/export"
	grep -x +TWO patches/one/0001*
	[ "$(cat patches/three/series | wc -l)" -eq 2 ]
}

@test "export: a commit of no topic, by its subject" {
	commit 'echo more >> arch/x86/kvm/n.c' 'KVM: x86: More'
	cp -a patches before
	run "$top/scripts/export"
	last_line_says "of no topic: KVM: x86: More" "branch -f topic/three series"
	diff -r before patches
	linux branch -f topic/three series
	"$top/scripts/export"
	[ "$(wc -l < patches/three/series)" -eq 3 ]
}

@test "export: series that is behind, topics out of order, a topic without commits, a branch of no topic" {
	linux reset -q --hard HEAD^
	run "$top/scripts/export"
	last_line_says "is not at the last topic's, topic/three"
	linux reset -q --hard topic/three
	printf 'one:\nthree: one\ntwo: one\n' > patches/topics
	run "$top/scripts/export"
	last_line_says "topic/two does not come after topic/three"
	printf 'one:\ntwo: one\nthree: one\nfour:\n' > patches/topics
	run "$top/scripts/export"
	last_line_says "no branch topic/four"
	topic four
	run "$top/scripts/export"
	last_line_says "topic four has no commit"
	printf 'one:\ntwo: one\nthree: one\n' > patches/topics
	run "$top/scripts/export"
	last_line_says "topic/four is not in"
}

@test "export: a folder that is no topic's, a merge, a part of the topics" {
	mkdir patches/old
	run "$top/scripts/export"
	last_line_says "old is no topic"
	rmdir patches/old
	TOPICS=one "$top/scripts/apply"
	run "$top/scripts/export"
	last_line_says "has no branch topic/two" "make apply"
	"$top/scripts/apply"
	"$top/scripts/export"
	linux checkout -q -b side topic/two
	commit 'echo side > side' 'side'
	linux checkout -q series
	linux -c user.name=t -c user.email=t@localhost merge -q -m merge side
	run "$top/scripts/export"
	last_line_says "merge commits"
}

@test "topics: not NAME: NEEDS, a need below, twice: each is said" {
	echo 'one' > patches/topics
	run "$top/scripts/apply"
	last_line_says "line 1 is not NAME: NEEDS"
	printf 'two: one\none:\n' > patches/topics
	run "$top/scripts/apply"
	last_line_says "two: needs one, which is not above it"
	printf 'one: # first\n# none\n\none:\n' > patches/topics
	run "$top/scripts/apply"
	last_line_says "one is there twice"
}

@test "apply TOPICS: only these, in sending order, closed under needs" {
	TOPICS='three one' "$top/scripts/apply"
	[ "$(linux log --reverse --format=%s base..series | head -n 2)" = $'KVM: x86: Change a\nKVM: x86: Change c' ]
	[ "$(linux branch --list 'topic/*' --format='%(refname:short)' | xargs)" = 'topic/one topic/three' ]
	TOPICS=three run "$top/scripts/apply"
	last_line_says "topics one are needed" 'Next: make apply TOPICS="one three"'
	TOPICS='four one' run "$top/scripts/apply"
	last_line_says "no topic is called 'four'" "some of: one two three"
	"$top/scripts/apply"
	[ "$(linux rev-list --count base..series)" -eq 4 ]
}

@test "apply TOPICS: work that was not exported is not lost, a moved topic's branch neither; after a reset to the base it may be" {
	linux branch -q -f topic/two topic/one
	TOPICS=one run "$top/scripts/apply"
	last_line_says "not exported" "checkout -B series base"
	linux checkout -q -B series base
	TOPICS=one "$top/scripts/apply"
}

@test "a user's tree: some topics, then others of which it has what they need" {
	user_tree
	LINUX=$PWD/user TOPICS=two run "$top/scripts/apply"
	last_line_says "Next: make apply TOPICS=\"one two\" LINUX=$PWD/user"
	untouched 1
	LINUX=$PWD/user TOPICS=one "$top/scripts/apply"
	[ "$(git -C user symbolic-ref --short HEAD)" = kvm-x86-series-6.1-one ]
	LINUX=$PWD/user TOPICS='one three' run "$top/scripts/apply"
	last_line_says "already there: one/0001" "has topic one already" "Next: make apply TOPICS=\"three\" LINUX="
	LINUX=$PWD/user TOPICS=three "$top/scripts/apply"
	# "three" is there, not needed, and in the way of nothing.
	LINUX=$PWD/user TOPICS=two "$top/scripts/apply"
	[ "$(git -C user symbolic-ref --short HEAD)" = kvm-x86-series-6.1-two ]
	[ "$(git -C user log --oneline | wc -l)" -eq 5 ]
	cmp user/arch/x86/kvm/a.c <(linux show series:arch/x86/kvm/a.c)
}

@test "a user's tree: what is needed is there, with a change of the user's" {
	user_tree
	LINUX=$PWD/user TOPICS=one "$top/scripts/apply"
	user_commit 'sed -i s/^30$/thirty/ arch/x86/kvm/a.c'
	LINUX=$PWD/user TOPICS=two run "$top/scripts/apply"
	last_line_says "arch/x86/kvm/a.c: blob" "does not fit"
	# Files that the topics don't touch may differ.
	git -C user reset -q --hard HEAD^
	user_commit 'sed -i s/^30$/thirty/ arch/x86/kvm/c.c'
	LINUX=$PWD/user TOPICS=two "$top/scripts/apply"
}

@test "export --check: a patch edited by hand is found" {
	sed -i 's/^+ten/+TEN/' patches/one/0001-*
	run "$top/scripts/export" --check
	last_line_says "never edit either by hand"
}

@test "export --check: a mirror edited by hand is found" {
	echo edited > mirrors/arch/x86/kvm/n.c
	run "$top/scripts/export" --check
	last_line_says "make export"
}

@test "export: refuses a scratch tree with uncommitted work" {
	echo x >> build/6.1/linux/Makefile
	run "$top/scripts/export"
	last_line_says "commit them there"
}

@test "apply: work that was not exported is not lost when patches/ changes" {
	commit 'echo more >> arch/x86/kvm/n.c' 'KVM: x86: More'
	sed -i 's/^+ten/+TEN/' patches/one/0001-*
	run "$top/scripts/apply"
	last_line_says "not exported"
	git -C build/6.1/linux log --format=%s | grep -x 'KVM: x86: More'
}

@test "apply to a user's tree: a new branch, the user's own branch as it was" {
	user_tree
	LINUX=$PWD/user "$top/scripts/apply"
	[ "$(git -C user symbolic-ref --short HEAD)" = kvm-x86-series-6.1 ]
	[ "$(git -C user log --oneline mine | wc -l)" -eq 1 ]
	[ "$(git -C user log --oneline | wc -l)" -eq 5 ]
	grep -x ten user/arch/x86/kvm/a.c
}

# untouched: nothing in the user's tree changed.
untouched()
{
	[ "$(git -C user symbolic-ref --short HEAD)" = mine ]
	[ -z "$(git -C user branch --list 'kvm*')" ]
	[ "$(git -C user log --oneline | wc -l)" -eq "$1" ]
}

@test "a newer point release whose touched files are the same is accepted" {
	user_tree
	user_commit 'sed -i s/192/193/ Makefile'
	LINUX=$PWD/user "$top/scripts/apply"
}

@test "wrong base: the file that differs is named, nothing is changed" {
	user_tree
	user_commit 'sed -i s/^25$/x/ arch/x86/kvm/b.c'
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "arch/x86/kvm/b.c: blob" "does not fit"
	[[ $output != *"a.c: blob"* ]]
	untouched 2
}

@test "a patch that is already there is named, and a topic" {
	user_tree
	user_commit 'sed -i s/^10$/ten/ arch/x86/kvm/c.c; sed -i s/^20$/twenty/ arch/x86/kvm/b.c'
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "b.c: as after the series" "c.c: blob" "already there: three/0001-KVM-x86-Change-c.patch"
	[[ $output != *"already there: three/0002"* && $output != *"already there: two"* ]]
	untouched 2
	git -C user reset -q --hard HEAD^
	user_commit 'sed -i s/^10$/ten/ arch/x86/kvm/a.c'
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "already there: one/0001-KVM-x86-Change-a.patch" "has topic one already" "Next: make apply TOPICS=\"two three\""
	untouched 2
}

@test "a tree with the whole series: every patch is named" {
	user_tree
	LINUX=$PWD/user "$top/scripts/apply"
	git -C user branch -m theirs
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "already there: one/0001" "already there: two/0001" "already there: three/0002" "nothing, all is there"
}

@test "fuzz: a patch that would need it is refused" {
	user_tree
	sed -i 's/^ 9$/ nine/' patches/one/0001-*
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "does not apply: one/0001" "fuzz"
	untouched 1
}

@test "a dirty tree is refused, with a changed and with an untracked file" {
	user_tree
	echo x >> user/Makefile
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "uncommitted or untracked"
	git -C user checkout -q Makefile
	echo mine > user/notes
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "uncommitted or untracked"
	[ "$(cat user/notes)" = mine ]
}

@test "a branch that exists is not overwritten" {
	user_tree
	git -C user branch kvm-x86-series-6.1
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "already has a branch"
}

@test "no git tree, and another version" {
	LINUX=$PWD/kernel run "$top/scripts/apply"
	last_line_says "not a git tree"
	user_tree
	user_commit 'sed -i s/PATCHLEVEL.*/PATCHLEVEL\ =\ 12/ Makefile'
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "not a tree of Linux 6.1.y"
}

@test "a base whose touched file moved is named" {
	sed -i s/^25$/x/ kernel/arch/x86/kvm/a.c
	tar -cJf linux.tar.xz kernel
	rm -rf build
	run "$top/scripts/apply"
	last_line_says "arch/x86/kvm/a.c: blob"
}

@test "a base without a series: nothing to apply, and nothing for a user's tree" {
	user_tree
	rm -rf patches/* build
	"$top/scripts/apply"
	[ "$(linux rev-parse series)" = "$(linux rev-parse base)" ]
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "base 6.1 has no series"
	run "$top/scripts/export"
	last_line_says "base 6.1 has no topics"
	"$top/scripts/clean"
}
