# SPDX-License-Identifier: LGPL-2.1-or-later
# what: V_IRQ is not ignored with AVIC
# file: cpu/svm.cc
# caught-by: bare svm_test
s/^  if (v_irq \&\& ! ctrls->avic) /  if (v_irq) /
