# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an invalid target is reported as not running
# file: cpu/avic_decode.h
# caught-by: avic_test
s/AVIC_IPI_INVALID_TARGET = 2/AVIC_IPI_INVALID_TARGET = 1/
