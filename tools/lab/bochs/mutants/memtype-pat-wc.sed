# SPDX-License-Identifier: LGPL-2.1-or-later
# what: WC of PAT gives way to UC
# file: cpu/memtype.h
# caught-by: memtype_test
/  \/\/ UC$/s/UC, WC, UC/UC, UC, UC/
