# SPDX-License-Identifier: LGPL-2.1-or-later
# what: V_IRQ is written back with AVIC
# file: cpu/svm.cc
# caught-by: bare svm_test
s|^  if (! ctrls->avic) // AVIC ignores V_IRQ|  if (true)|
