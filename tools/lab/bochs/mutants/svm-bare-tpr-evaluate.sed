# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a write of the TPR does not evaluate the IRR
# file: cpu/avic.cc
# caught-by: bare svm_test
/^  SVM_V_TPR = tpr >> 4;/{n;d}
