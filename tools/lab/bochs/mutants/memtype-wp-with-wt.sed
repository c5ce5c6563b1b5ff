# SPDX-License-Identifier: LGPL-2.1-or-later
# what: WT with WP is WT
# file: cpu/memtype.h
# caught-by: memtype_test
/  \/\/ WT$/s/WT, WP, WT/WT, WT, WT/
