# SPDX-License-Identifier: LGPL-2.1-or-later
# what: vectors below 16 are sent
# file: cpu/avic_decode.h
# caught-by: avic_test
s/if (ipi->vector < 16)/if (false)/
