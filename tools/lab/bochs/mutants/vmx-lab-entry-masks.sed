# SPDX-License-Identifier: LGPL-2.1-or-later
# what: IF of the guest masks physical interrupts after VM entry
# file: cpu/vmx.cc
# caught-by: lab bochs-vmx vmx_preemption_timer_test
s/^  handleInterruptMaskChange();//
