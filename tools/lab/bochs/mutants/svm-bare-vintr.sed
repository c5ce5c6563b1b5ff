# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the VINTR intercept is ignored with AVIC
# file: cpu/event.cc
# caught-by: bare svm_test
s/^  if (SVM_INTERCEPT(SVM_INTERCEPT0_VINTR)) /  if (! BX_CPU_THIS_PTR vmcb->ctrls.avic \&\& SVM_INTERCEPT(SVM_INTERCEPT0_VINTR)) /
