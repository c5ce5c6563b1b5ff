# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an entry without the valid bit is accepted
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/(entry & 0x3f) == 0x1/(entry \& 0x3e) == 0/
