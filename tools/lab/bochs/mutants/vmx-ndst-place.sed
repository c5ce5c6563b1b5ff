# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the notification destination is read from the wrong bits
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/control >> 32/control >> 40/
