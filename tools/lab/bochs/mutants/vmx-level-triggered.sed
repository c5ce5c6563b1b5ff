# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a level-triggered IPI is virtualized
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/VMX_VICR_LEVEL  *=.*/VMX_VICR_LEVEL = 0xc000;/
