# SPDX-License-Identifier: LGPL-2.1-or-later
# what: EPT's leaf entry is not handed on
# file: cpu/paging.cc
# caught-by: bare vmx_test
s/if (leaf_entry) \*leaf_entry = entry\[leaf\];//
