# SPDX-License-Identifier: LGPL-2.1-or-later
# what: VMRUN does not evaluate the IRR
# file: cpu/svm.cc
# caught-by: lab bochs-svm icr_exits
s/^  if (BX_CPU_THIS_PTR vmcb->ctrls.avic)$/  if (false)/
