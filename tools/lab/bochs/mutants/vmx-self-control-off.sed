# SPDX-License-Identifier: LGPL-2.1-or-later
# what: self-IPIs are virtualized without virtual-interrupt delivery
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/virtual_int_delivery && //
