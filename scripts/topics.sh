# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts that read patches/<base>/: its topics, what each needs, their mails. A base without a series has no topic.
#   topics            a line a topic, in sending order: "NAME: NEEDS...", each of them from a line above; # begins a comment
#   NAME/series       the mails of a topic, in order
# shellcheck shell=bash disable=SC2154

topics() { [ ! -e "$patches/topics" ] || sed -n 's/#.*//; s/:.*//p' "$patches/topics"; }

# needed TOPIC...: these topics and all that they need, in sending order. What a topic needs is above it: one pass from below.
needed()
{
	[ -e "$patches/topics" ] || return 0
	awk -v wanted="$*" '
		BEGIN { n = split(wanted, w); for (i = 1; i <= n; i++) want[w[i]] }
		{ sub(/#.*/, "") }
		NF { name[++count] = $1; sub(/:/, "", name[count]); $1 = ""; needs[count] = $0 }
		END {
			for (i = count; i; i--) if (name[i] in want) { n = split(needs[i], w); for (j = 1; j <= n; j++) want[w[j]] }
			for (i = 1; i <= count; i++) if (name[i] in want) print name[i]
		}' "$patches/topics"
}

# without LIST TOPIC...: those that are not in LIST.
without()
{
	local t
	for t in "${@:2}"; do
		[[ " ${1//$'\n'/ } " == *" $t "* ]] || echo "$t"
	done
}

# mails TOPIC...: the files of their patches.
mails()
{
	local t
	for t; do
		[ ! -e "$patches/$t/series" ] || sed "s|^|$patches/$t/|" "$patches/$t/series"
	done
}

# own_tests TOPIC: the selftests that it adds.
own_tests() { mails "$1" | xargs -r sed -nE 's#^\+TEST_GEN_PROGS_x86(_64)? \+= (.*/)?##p' | sort -u; }

# series_key TOPIC...: one key for their names, their mails and the order of all.
series_key() { { echo "$@"; mails "$@"; mails "$@" | xargs -r cat; } | sed "s|^$patches/||" | sha256sum | cut -c1-16; }

complete=${RESULTS:-$top/results}/$B/complete   # the record that scripts/complete writes

complete_date() { sed -n 's/^date //p' "$complete"; }

# prefix_keys [TOPIC...]: a line a mail, "KEY TOPIC/MAIL": the key is one for all that scripts/bisect builds there, and for how it does so. The base
# is in it as the blobs that the mails begin from.
prefix_keys()
{
	local t m key
	# shellcheck disable=SC2046 # a list of words, as below
	[ $# -gt 0 ] || set -- $(topics)
	for t; do
		# shellcheck disable=SC2046
		key=$(cat "$top/scripts/bisect" $(mails $(without "$t" $(needed "$t"))) | sha256sum)
		while read -r m; do
			key=$({ echo "$key"; cat "$m"; } | sha256sum | cut -c1-16)
			echo "$key ${m#"$patches/"}"
		done < <(mails "$t")
	done
}

# scratch_state: one key for what the branches of the scratch tree are at.
scratch_state()
{
	labgit -C "$work/linux" for-each-ref --format='%(objectname) %(refname)' refs/heads/series refs/heads/topic/ |
		sha256sum | cut -c1-16
}

# exported normal|no: nothing is lost if the branches of the scratch tree are made anew: they are what was
# applied or exported last, or an apply did not get to its end, or "series" was reset to the base. "no": untracked files don't count.
exported()
{
	[ ! -e "$work/applying" ] || return 0
	[ -z "$(labgit -C "$work/linux" status --porcelain --untracked-files="$1")" ] || return 1
	[ "$(cut -s -d' ' -f2 "$work/applied" 2> /dev/null)" = "$(scratch_state)" ] ||
		[ "$(labgit -C "$work/linux" rev-parse series)" = "$(labgit -C "$work/linux" rev-parse base)" ]
}

# stack REV MAIL...: the mails as commits on REV in the scratch tree's repository, made on an index: no file of a tree is touched.
# Prints the commits; the first mail whose context does not match exactly is named, and fails.
stack()
{
	local c=$1 m info tmp rc=0
	local -x GIT_INDEX_FILE GIT_AUTHOR_NAME=kvm-x86-series GIT_AUTHOR_EMAIL=series@localhost \
		GIT_AUTHOR_DATE GIT_COMMITTER_DATE
	tmp=$(mktemp -d)
	GIT_INDEX_FILE=$tmp/index
	labgit -C "$work/linux" read-tree "$c"
	for m in "${@:2}"; do
		info=$(labgit mailinfo "$tmp/text" "$tmp/patch" < "$m")
		GIT_AUTHOR_DATE=$(sed -n 's/^Date: //p' <<< "$info")
		GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
		{ sed -n 's/^Subject: //p' <<< "$info"; echo; cat "$tmp/text"; } > "$tmp/message"
		labgit -C "$work/linux" apply --cached --whitespace=nowarn "$tmp/patch" 2> "$tmp/why" &&
			c=$(labgit -C "$work/linux" commit-tree -p "$c" -F "$tmp/message" "$(labgit -C "$work/linux" write-tree)") || {
			{ echo "  does not apply: ${m#"$patches/"}"; sed 's/^/  /' "$tmp/why"; } >&2
			rc=1
			break
		}
		echo "$c"
	done
	rm -rf "$tmp"
	return $rc
}

# version COMMIT: its patches/<base>, in a folder whose path is printed.
version()
{
	local folder=$work/version
	rm -rf "$folder"
	mkdir -p "$folder"
	labgit -C "$patches" archive "$1" . 2> /dev/null | tar -x -C "$folder" 2> /dev/null || return 1
	echo "$folder"
}

# stack_flat FOLDER: stack the version of patches/<base> in FOLDER, one from before there were topics, on the base.
stack_flat()
{
	local files
	mapfile -t files < <(sed "s|^|$1/|" "$1/series")
	stack base "${files[@]}"
}

topics_wrong()
{
	awk '{ sub(/#.*/, "") }
		!NF { next }
		!/^[a-z][a-z0-9-]*:([ \t]+[a-z][a-z0-9-]*)*[ \t]*$/ { print "line " NR " is not NAME: NEEDS..."; exit }
		{
			for (i = 2; i <= NF; i++) if (!($i in above)) { print $1 " needs " $i ", which is not above it"; exit }
			sub(/:/, "", $1)
			if ($1 in above) { print $1 " is there twice"; exit }
			above[$1]
		}' "$patches/topics"
}

if [ -e "$patches/topics" ]; then
	wrong=$(topics_wrong)
	[ -z "$wrong" ] || die "$patches/topics: $wrong" "mend it"
fi
