# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an interrupt of the same class gets through
# file: cpu/avic_decode.h
# caught-by: avic_test
s/(unsigned(irr) >> 4) <= (ppr >> 4)/(unsigned(irr) >> 4) < (ppr >> 4)/
