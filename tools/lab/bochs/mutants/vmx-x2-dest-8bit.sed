# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the x2APIC destination has 8 bits
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/x2apic ? vicr_hi/x2apic ? (vicr_hi \& 0xff)/
