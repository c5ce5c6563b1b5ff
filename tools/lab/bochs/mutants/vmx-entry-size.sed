# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an entry of the table has 4 bytes
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/<< 3)/<< 2)/
