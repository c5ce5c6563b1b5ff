# SPDX-License-Identifier: LGPL-2.1-or-later
# what: VMRUN accepts any maximum index
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  if (guest->max_index > .*$//
