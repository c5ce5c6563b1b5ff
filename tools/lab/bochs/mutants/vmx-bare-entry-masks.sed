# SPDX-License-Identifier: LGPL-2.1-or-later
# what: IF of the guest masks physical interrupts after VM entry
# file: cpu/vmx.cc
# caught-by: bare vmx_test
s/^  handleInterruptMaskChange();//
