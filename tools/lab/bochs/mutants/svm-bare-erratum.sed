# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the erratum 1235 switch does nothing
# file: cpu/avic.cc
# caught-by: bare svm_erratum
s/BX_SVM_QUIRK_AVIC_1235)/0)/
