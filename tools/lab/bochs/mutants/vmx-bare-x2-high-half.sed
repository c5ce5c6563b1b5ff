# SPDX-License-Identifier: LGPL-2.1-or-later
# what: with x2APIC the destination is taken from the xAPIC register
# file: cpu/vapic.cc
# caught-by: bare vmx_test
s/x2apic ? (BX_LAPIC_ICR_LO + 4) : BX_LAPIC_ICR_HI/BX_LAPIC_ICR_HI/
