# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the shorthand for all counts as self
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/0x00040000/0x00080000/
