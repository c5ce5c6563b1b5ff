#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# make report and the data of make bench: names that nobody described, what is of an emulator, differences.
bats_require_minimum_version 1.5.0
load lib

setup()
{
	world
	export RESULTS=$PWD/results
	mkdir -p results/6.1 build/6.1/bench
	result patched-qemu-svm skip emulator
	printf 'faults-%s 4127 bochs-vmx\n' 1 2 4 > base
	printf 'moon-landings 7\nnot a figure\n' >> base
	printf 'faults-%s 2061 bochs-vmx\n' 1 2 4 > patched
	printf 'moon-landings 8\nbring-up-64-first-run 900\n' >> patched
}

# result NAME STATUS PLATFORM: a recorded run.
result()
{
	printf '{"engine": "%s", "kernel": "patched", "emulator": "e", "release": "6.1", "platform": "%s", "tests": [{"kind": "selftest", "test": "a_test", "status": "%s", "reason": "<why>"}]}' \
		"${1#patched-}" "$3" "$2" > "results/6.1/$1.json"
}

figures() { "$top/tools/bench/figures.py" build/6.1/bench/figures.json base=base patched=patched -- base=6.1 engine=bochs-vmx platform=emulator; }

@test "every figure has a unit and a direction, one that nobody described its name" {
	run -0 figures
	[[ $output == *faults-4*0.499*lower*faults* ]]
	[[ $output == *moon-landings*7*8* ]]
	python3 - <<-'PY'
		import json
		data = {f["name"]: f for f in json.load(open("build/6.1/bench/figures.json"))["figures"]}
		assert data["faults-1"] | {"text": ""} == {"name": "faults-1", "engine": "bochs-vmx", "unit": "faults", "better": "lower", "text": "",
		    "values": {"base": 4127, "patched": 2061}}, data["faults-1"]
		assert data["moon-landings"]["better"] == "-" and data["bring-up-64-first-run"]["values"] == {"patched": 900}
	PY
}

@test "every figure that a benchmark prints is described" {
	local name missing=''
	for name in $(sed -nE 's/.*printf\("bench: ([^ ]*) .*/\1/p' "$top"/tools/bench/*.c); do
		# what printf fills in: the order, the prefix, a number
		name=$(sed -E 's/^%s%s/again-/; s/%s(zap|tick)/serial-\1/; s/^pit-%s-%d%s/pit-tick-4/; s/%[du]/4/g; s/%s/running/g' <<< "$name")
		[[ $name != part-* ]] || continue   # tools/bench/run keeps these for itself
		python3 -B -c "import sys; sys.path.insert(0, '$top/tools/bench'); import figures
sys.exit(all(figures.describe(p + '$name')['theme'] == 'other' for p in ('', 'avic-')))" || missing+=" $name"
	done
	[ -z "$missing" ] || { echo "not in tools/bench/names:$missing"; false; }
}

@test "the report is one file, escaped, and says emulated of an emulator, never hardware" {
	figures
	run -0 "$top/scripts/report" -o out.html
	grep -q 'moon-landings' out.html
	grep -q '&lt;why&gt;' out.html
	run ! grep -qE '(src|href)="?https?:' out.html
	[ "$(grep -c 'badge hardware">' out.html)" -eq 1 ]   # the legend
	grep -q 'there is none yet' out.html
	python3 -c 'import html.parser, sys; html.parser.HTMLParser().feed(open("out.html").read())'
}

@test "nothing was run: a page that says so" {
	rm -r results build/6.1
	run -0 "$top/scripts/report" -o out.html
	grep -q 'Nothing is recorded' out.html
	grep -q 'make bench' out.html
}

@test "inhibits over time, where a boot recorded them" {
	mkdir -p build/6.1/results/guest-bochs-svm
	printf '# inhibit guest-xapic %s\n' '1.0 begin' '1.5 set 8' '2.0 cleared 8' '3.0 end' > build/6.1/results/guest-bochs-svm/tap.log
	run -0 "$top/scripts/report" -o out.html
	grep -q PIT_REINJ out.html
}

@test "differences to an older report: outcomes and figures; what is no report is refused" {
	figures
	"$top/scripts/report" -o old.html
	result patched-qemu-svm fail emulator
	sed -i s/2061/3000/ patched
	figures
	run -0 "$top/scripts/report" -o new.html --against old.html
	grep -q '1 outcomes and 3 figures are not the same' new.html
	run -1 "$top/scripts/report" -o new.html --against base
	[[ $output == *FAILED*'is no report'*Next:* ]]
}
