# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the posted-interrupt descriptor has to be page-aligned
# file: cpu/vmx.cc
# caught-by: bare vmx_test
s/(vm->pid_addr & 0x3f) != 0/(vm->pid_addr \& 0xfff) != 0/
