# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts that build: the tree that is built is a git worktree of its own, never the scratch tree.
# shellcheck shell=bash disable=SC2154

# work_commit: the scratch tree as it stands, uncommitted changes included.
work_commit()
{
	local c
	c=$(labgit -C "$work/linux" -c user.name=work -c user.email=work@localhost stash create)
	[ -n "$c" ] || c=$(labgit -C "$work/linux" rev-parse series)
	echo "$c"
}

# build_tree COMMIT: check COMMIT out in the tree that builds use, print its path. Only files that differ are touched.
build_tree()
{
	local tree=$work/tree
	if [ ! -e "$work/tree.made" ]; then
		say "tree: making the worktree that builds use, about 15 s"
		rm -rf "$tree"
		labgit -C "$work/linux" worktree prune
		labgit -C "$work/linux" worktree add -q --detach "$tree" base
		finish "$work/tree.made" yes
	fi
	labgit -C "$tree" am --abort > /dev/null 2>&1 || true
	labgit -C "$tree" checkout -q -f --detach "$1"
	labgit -C "$tree" clean -q -fd
	echo "$tree"
}
