# SPDX-License-Identifier: LGPL-2.1-or-later
# what: CR0.CD makes no difference with EPT
# file: cpu/memtype.h
# caught-by: memtype_test
s/if (cd)/if (false)/
