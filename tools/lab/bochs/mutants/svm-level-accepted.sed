# SPDX-License-Identifier: LGPL-2.1-or-later
# what: level-triggered IPIs are accelerated
# file: cpu/avic_decode.h
# caught-by: avic_test
s/(icrl & 0x8700) != 0/(icrl \& 0x0700) != 0/
