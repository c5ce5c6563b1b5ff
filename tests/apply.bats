# SPDX-License-Identifier: GPL-2.0
load lib

setup() { world_with_series; }

@test "apply and export: a second export changes nothing, the mirror is there" {
	cp -a patches before
	"$top/scripts/export"
	diff -r before patches
	[ "$(cat mirrors/arch/x86/kvm/n.c)" = new ]
	"$top/scripts/export" --check
}

@test "export --check: a patch edited by hand is found" {
	sed -i 's/^+ten/+TEN/' patches/0001-*
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
	sed -i 's/^+ten/+TEN/' patches/0001-*
	run "$top/scripts/apply"
	last_line_says "not exported"
	git -C build/6.1/linux log --format=%s | grep -x 'KVM: x86: More'
}

@test "apply to a user's tree: a new branch, the user's own branch as it was" {
	user_tree
	LINUX=$PWD/user "$top/scripts/apply"
	[ "$(git -C user symbolic-ref --short HEAD)" = kvm-x86-series-6.1 ]
	[ "$(git -C user log --oneline mine | wc -l)" -eq 1 ]
	[ "$(git -C user log --oneline | wc -l)" -eq 3 ]
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

@test "a patch that is already there is named" {
	user_tree
	user_commit 'sed -i s/^10$/ten/ arch/x86/kvm/a.c'
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "a.c: as after the series" "already there: 0001-KVM-x86-Change-a.patch"
	[[ $output != *"already there: 0002"* ]]
	untouched 2
}

@test "a tree with the whole series: every patch is named" {
	user_tree
	LINUX=$PWD/user "$top/scripts/apply"
	git -C user branch -m theirs
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "already there: 0001" "already there: 0002"
}

@test "fuzz: a patch that would need it is refused" {
	user_tree
	sed -i 's/^ 9$/ nine/' patches/0001-*
	LINUX=$PWD/user run "$top/scripts/apply"
	last_line_says "does not apply: 0001" "fuzz"
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

@test "send: cover letter, base-commit, range-diff; without a cover letter it says so" {
	run "$top/scripts/send"
	last_line_says "cover letter"
	printf 'KVM: x86: Series\n\nThe text of the cover letter.\n' > patches/cover
	"$top/scripts/send"
	grep -q '^base-commit: ' build/6.1/send/v1.mbox
	grep -q 'The text of the cover letter' build/6.1/send/v1.mbox
	[ "$(grep -c '^Subject: ' build/6.1/send/v1.mbox)" -eq 3 ]
}
