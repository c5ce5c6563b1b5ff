# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a fault of the walk for an instruction records bytes of the code before
# file: cpu/cpu.cc
# caught-by: bare svm_test
/^    BX_CPU_THIS_PTR eipFetchPtr = NULL;/d
