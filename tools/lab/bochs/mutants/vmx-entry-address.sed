# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the valid bit stays in the descriptor address
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/entry & ~Bit64u(0x3f)/entry/
