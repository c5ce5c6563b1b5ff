# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the type in the TLB is that of the host's MTRRs and PAT
# file: cpu/paging.cc
# caught-by: bare vmx_test
s/^  if (ept_leaf) {/  if (false) {/
