# SPDX-License-Identifier: LGPL-2.1-or-later
# what: IRRs are set before all targets are known to be valid
# file: cpu/avic_decode.h
# caught-by: avic_test
s/^  t->index = index;/  t->index = index; avic_set_irr(bus, entry \& AVIC_PAGE_MASK, ipi->vector);/
