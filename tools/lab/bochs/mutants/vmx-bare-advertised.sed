# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a control is advertised and ignored
# file: cpu/cpudb/intel/corei7_skylake-x.cc
# caught-by: bare vmx_test
s/^         BX_VMX_PAT |/         BX_VMX_PERF_GLOBAL_CTRL | BX_VMX_PAT |/
