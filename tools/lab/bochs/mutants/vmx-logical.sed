# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a logical destination is virtualized
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/vicr & ~(VMX_VICR_VECTOR | VMX_VICR_LEVEL)/vicr \& ~(VMX_VICR_VECTOR | VMX_VICR_LEVEL | VMX_VICR_DEST_LOGICAL)/
