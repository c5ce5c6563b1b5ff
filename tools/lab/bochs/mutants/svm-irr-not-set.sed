# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the IRR of the target is not set
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  avic_set_vector(bus, page, AVIC_REG_IRR, vector, true);//
