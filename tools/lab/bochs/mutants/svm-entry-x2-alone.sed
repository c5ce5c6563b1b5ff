# SPDX-License-Identifier: LGPL-2.1-or-later
# what: VMRUN accepts x2AVIC without AVIC
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  if (e->x2avic && ! e->avic) return .*$//
