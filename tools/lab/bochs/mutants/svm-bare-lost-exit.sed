# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an incomplete IPI does not exit
# file: cpu/avic.cc
# caught-by: bare svm_test
s/^  if (ipi.exit >= 0) {/  if (false) {/
