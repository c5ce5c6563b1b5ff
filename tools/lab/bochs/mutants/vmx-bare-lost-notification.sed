# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a notification is not sent
# file: cpu/vapic.cc
# caught-by: bare vmx_test
/lapic->write_aligned(BX_LAPIC_ICR_LO, VMX_PID_NV(control));/d
