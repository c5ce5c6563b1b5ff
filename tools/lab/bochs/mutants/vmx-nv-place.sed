# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the notification vector is read from the wrong bits
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/control >> 16/control >> 8/
