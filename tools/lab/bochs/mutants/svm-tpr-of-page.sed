# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the TPR of the page decides, not V_TPR
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  if ((tpr >> 4) != (v_tpr & 0xf)) tpr = .*$//
