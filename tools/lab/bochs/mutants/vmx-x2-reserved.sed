# SPDX-License-Identifier: LGPL-2.1-or-later
# what: bit 13 of the x2APIC ICR is not reserved
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/0xfff32000/0xfff30000/
