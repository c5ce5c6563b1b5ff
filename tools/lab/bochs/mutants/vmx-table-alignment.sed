# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an unaligned table is accepted
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/(table & 0x7) != 0 || //
