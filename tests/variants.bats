#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# tools/lab/variants: what is not the same is said.

load lib
# shellcheck disable=SC2154 # top is lib's

# py EXPRESSION: in the module
py() { python3 -c "import pathlib, runpy; v = runpy.run_path('$top/tools/lab/variants'); print($1)"; }

@test "a result that differs and a test that is missing are named" {
	run py "v['compare']('e', 'off', 'on', {'a': 'pass', 'b': 'fail'}, {'a': 'pass', 'b': 'pass', 'c': 'skip'})"
	[[ $output == "(False, "*"differs: b pass -> fail, c skip -> absent"* ]]
	run py "v['compare']('e', 'off', 'on', {'a': 'pass'}, {'a': 'pass'})"
	[[ $output == "(True, "*"as on"* ]]
}

@test "a reference that fails, a run that did not end, a reference that did not end: not the same" {
	run py "v['compare']('e', 'on', None, {'a': 'fail'}, None)"
	[[ $output == "(False, "*"a fails"* ]]
	run py "v['compare']('e', 'on', None, None, None), v['compare']('e', 'off', 'on', {'a': 'pass'}, None)"
	[[ $output == "(False, "*" (False, "* ]]
}

@test "a host whose feature is not what the variant says does not count" {
	cd "$BATS_TEST_TMPDIR"
	echo 'lab: kvm_amd avic:Y npt:Y' > console.log
	run py "[v['shown'](pathlib.Path('.'), 'bochs-svm', n) for n in ('on', 'hybrid', 'off', 'on1')]"
	[ "$output" = '[False, True, False, False]' ]
	echo 'SVM: x2AVIC enabled' >> console.log
	run py "[v['shown'](pathlib.Path('.'), 'bochs-svm', n) for n in ('on', 'hybrid', 'off', 'on1', 'erratum1235')]"
	[ "$output" = '[True, False, False, True, True]' ]
}
