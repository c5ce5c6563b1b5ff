# SPDX-License-Identifier: LGPL-2.1-or-later
# what: VMRUN ignores what is not implemented
# file: cpu/svm.cc
# caught-by: bare svm_unsupported
s/^  SvmRefuseNotImplemented();//
