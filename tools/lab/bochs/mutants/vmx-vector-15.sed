# SPDX-License-Identifier: LGPL-2.1-or-later
# what: vector 15 is virtualized
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/< 16)$/< 15)/
