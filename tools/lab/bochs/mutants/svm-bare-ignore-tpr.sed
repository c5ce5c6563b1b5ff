# SPDX-License-Identifier: LGPL-2.1-or-later
# what: V_IGN_TPR is ignored
# file: cpu/svm.cc
# caught-by: bare svm_test
s/SVM_V_IGNORE_TPR || SVM_V_INTR_PRIO > SVM_V_TPR;/SVM_V_INTR_PRIO > SVM_V_TPR;/
