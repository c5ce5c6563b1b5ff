# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a write that traps is not done
# file: cpu/avic.cc
# caught-by: bare svm_test
/^    case AVIC_TRAP:/{n;d}
