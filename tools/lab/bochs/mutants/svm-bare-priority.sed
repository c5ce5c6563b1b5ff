# SPDX-License-Identifier: LGPL-2.1-or-later
# what: V_INTR_PRIO counts with AVIC
# file: cpu/svm.cc
# caught-by: bare svm_test
s/bool priority = BX_CPU_THIS_PTR vmcb->ctrls.avic || /bool priority = /
