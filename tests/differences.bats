#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# scripts/bases: a difference between the files of two bases needs a reason, and a reason a difference.

load lib

# mail BASE TEXT: a series of one patch, which adds a file of one line.
mail()
{
	mkdir -p "$SERIES/$1/topic"
	echo 'topic:' > "$SERIES/$1/topics"
	echo 1.patch > "$SERIES/$1/topic/series"
	printf '%s\n' 'diff --git a/x/f.c b/x/f.c' 'new file mode 100644' 'index 0000000..1111111' '--- /dev/null' '+++ b/x/f.c' \
		'@@ -0,0 +1 @@' "+$2" > "$SERIES/$1/topic/1.patch"
}

setup()
{
	export SERIES=$BATS_TEST_TMPDIR/patches
	mail 6.9 'assert(x);'
	mail 6.10 'assert(x);'
	: > "$SERIES/differences"
}

@test "files that are the same need no reason; 6.10 comes after 6.9" {
	run "$top/scripts/bases"
	[ "$status" -eq 0 ]
	[ "$output" = "f.c, 6.9 and 6.10: the same" ]
}

@test "a difference without a reason fails and is shown, with one it passes, and without it the reason fails" {
	mail 6.10 'check(x);'
	run "$top/scripts/bases" --check
	[ "$status" -eq 1 ]
	[[ $output == *"no reason for a difference of 6.9 and 6.10: hunk "*"-assert(x);"*"+check(x);"* ]]
	sed -n 's/.*: \(hunk [0-9a-f]* f.c\) WHY/\1 because/p' <<< "$output" > "$SERIES/differences"
	"$top/scripts/bases" --check
	mail 6.10 'assert(x);'
	run "$top/scripts/bases" --check
	[ "$status" -eq 1 ]
	[[ $output == "a reason for no difference: hunk "*" f.c" ]]
}

@test "a word of one base is no difference" {
	mail 6.10 'check(x);'
	echo 'word 6.9 \bassert\( check( renamed' > "$SERIES/differences"
	"$top/scripts/bases" --check
}

@test "a line that says nothing is named" {
	echo 'hunk 0123456789ab f.c' > "$SERIES/differences"
	run "$top/scripts/bases" --check
	[ "$status" -ne 0 ]
	[[ $output == *"differences, line 1"*"Next:"* ]]
	printf 'hunk 0123456789ab f.c why\nhunk 0123456789ab f.c again\n' > "$SERIES/differences"
	run "$top/scripts/bases"
	[[ $output == *"differences, line 2"*"twice"* ]]
}
