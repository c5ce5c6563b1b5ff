# SPDX-License-Identifier: GPL-2.0
# A small world for the tests of the scripts: a kernel of four files, three topics of one or two patches, a build folder of its own.
# shellcheck shell=bash

top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)

world()
{
	cd "$BATS_TEST_TMPDIR" || return
	export BUILD=$PWD/build PATCHES=$PWD/patches MIRRORS=$PWD/mirrors B=6.1
	unset LAB_LOCK_run LAB_LOCK_scratch LAB_LOCK_base LAB_LOCK_kernel LAB_DEPTH LINUX TOPIC TOPICS PREV
	mkdir -p kernel/arch/x86/kvm "$PATCHES" "$MIRRORS"
	printf 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nkernelversion:\n\t@echo 6.1.192\n' > kernel/Makefile
	seq 1 30 > kernel/arch/x86/kvm/a.c
	seq 1 30 > kernel/arch/x86/kvm/b.c
	seq 1 30 > kernel/arch/x86/kvm/c.c
	tar -cJf linux.tar.xz kernel
	export LINUX_TARBALL=$PWD/linux.tar.xz
	: > "$PATCHES/blobs"
}

# world_with_series: the same, with topics: "one" changes a.c, "two" adds n.c and changes b.c and a.c, "three", which needs "one",
# changes c.c twice.
world_with_series()
{
	world
	printf 'one:\ntwo: one\nthree: one\n' > "$PATCHES/topics"
	"$top/scripts/apply"
	commit 'sed -i s/^10$/ten/ arch/x86/kvm/a.c' 'KVM: x86: Change a'
	topic one
	commit 'echo new > arch/x86/kvm/n.c; sed -i s/^20$/twenty/ arch/x86/kvm/b.c; sed -i s/^20$/twenty/ arch/x86/kvm/a.c' 'KVM: x86: Add n'
	topic two
	commit 'sed -i s/^10$/ten/ arch/x86/kvm/c.c' 'KVM: x86: Change c'
	commit 'sed -i s/^11$/eleven/ arch/x86/kvm/c.c' 'KVM: x86: Change c again'
	topic three
	"$top/scripts/export"
}

linux() { git -C "$BUILD/6.1/linux" "$@"; }

commit()
{
	(cd "$BUILD/6.1/linux" && eval "$1" && git add -A -f &&
		git -c user.name=t -c user.email=t@localhost commit -q -m "$2")
}

# topic NAME: what was committed last is its last commit.
topic() { linux branch -q -f "topic/$1" series; }

# user_tree: a git tree of a user's, at the base.
user_tree()
{
	cp -a kernel user
	git -C user init -q -b mine
	git -C user add -A
	git -C user -c user.name=u -c user.email=u@localhost commit -q -m 'Linux 6.1.192'
}

# user_commit COMMAND
user_commit()
{
	(cd user && eval "$1" && git add -A && git -c user.name=u -c user.email=u@localhost commit -q -m change)
}

# fake COMMAND BODY: a command of that name comes first on the PATH.
fake()
{
	mkdir -p fakes
	printf '#!/bin/bash\n%s\n' "$2" > "fakes/$1"
	chmod +x "fakes/$1"
	PATH=$PWD/fakes:$PATH
}

# last_line_says TEXT...: a failure is one clear last line that says what to do.
last_line_says()
{
	local text
	[ "$status" -ne 0 ]
	[[ ${lines[-1]} == FAILED:*Next:* ]]
	for text; do
		[[ $output == *"$text"* ]] || { echo "missing: $text"; echo "$output"; return 1; }
	done
}
