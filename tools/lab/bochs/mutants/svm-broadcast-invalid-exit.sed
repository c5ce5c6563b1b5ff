# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a broadcast exits at an entry that is not valid
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (! broadcast) avic_ipi_fail/avic_ipi_fail/
