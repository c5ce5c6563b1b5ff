# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a level-triggered EOI is accelerated
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  if (avic_test_vector(bus, page, AVIC_REG_TMR, vector)) return vector;//
