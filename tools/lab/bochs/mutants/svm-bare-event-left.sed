# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a VMEXIT clears the valid bit alone of an event that was injected
# file: cpu/svm.cc
# caught-by: bare svm_test
s/vmcb_write32(SVM_CONTROL32_EVENT_INJECTION, 0)/vmcb_write32(SVM_CONTROL32_EVENT_INJECTION, ctrls->eventinj \& ~0x80000000)/
