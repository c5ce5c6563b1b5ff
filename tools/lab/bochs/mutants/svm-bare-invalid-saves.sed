# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a VMRUN that fails stores the state of the host in the VMCB
# file: cpu/svm.cc
# caught-by: bare svm_test
s/^  if (entered) /  /
