# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the exit names the physical, not the logical index
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  t->report = report;/  t->report = index;/
