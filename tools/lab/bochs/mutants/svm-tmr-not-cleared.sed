# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the TMR bit of an edge IPI stays
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  avic_set_vector(bus, page, AVIC_REG_TMR, vector, false);//
