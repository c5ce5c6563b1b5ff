# SPDX-License-Identifier: LGPL-2.1-or-later
# what: WC of PAT gives way to UC
# file: cpu/memtype.h
# caught-by: memtype_test
s/pat == BX_MEMTYPE_UC || pat == BX_MEMTYPE_WC/pat == BX_MEMTYPE_UC/
