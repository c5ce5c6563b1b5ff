# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a level-triggered EOI clears the ISR before it traps
# file: cpu/avic_decode.h
# caught-by: avic_test
s/AVIC_REG_TMR, vector)) return vector;/AVIC_REG_TMR, vector)) { avic_set_vector(bus, page, AVIC_REG_ISR, vector, false); return vector; }/
