# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the xAPIC destination is the low byte
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/(vicr_hi >> 24)/(vicr_hi \& 0xff)/
