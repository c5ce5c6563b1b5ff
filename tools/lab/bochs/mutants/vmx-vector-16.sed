# SPDX-License-Identifier: LGPL-2.1-or-later
# what: vector 16 is left to the hypervisor
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/< 16)$/< 17)/
