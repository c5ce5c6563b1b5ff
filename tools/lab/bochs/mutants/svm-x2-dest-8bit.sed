# SPDX-License-Identifier: LGPL-2.1-or-later
# what: x2AVIC uses 8 bits of the destination
# file: cpu/avic_decode.h
# caught-by: avic_test
s/g->x2avic ? icrh : (icrh >> 24)/g->x2avic ? (icrh \& 0xff) : (icrh >> 24)/
