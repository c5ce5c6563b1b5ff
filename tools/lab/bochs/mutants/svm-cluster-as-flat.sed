# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the DFR is ignored
# file: cpu/avic_decode.h
# caught-by: avic_test
s/>> 28) == 0xf;/>> 28) <= 0xf;/
