# SPDX-License-Identifier: LGPL-2.1-or-later
# what: VMRUN does not evaluate the IRR
# file: cpu/svm.cc
# caught-by: bare svm_test
/avic_page = BX_CPU_THIS_PTR vmcb->ctrls.avic_backing;/,/^  }/ s/^    AvicEvaluate();$/    ;/
