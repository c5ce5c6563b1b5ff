# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a virtual interrupt is not recorded for the IDT-vectoring information
# file: cpu/vapic.cc
# caught-by: bare vmx_test
/^  vm->idt_vector_info = vector | (BX_EXTERNAL_INTERRUPT << 8);/d
