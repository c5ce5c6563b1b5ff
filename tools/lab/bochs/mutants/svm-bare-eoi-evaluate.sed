# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an EOI does not evaluate the IRR
# file: cpu/avic.cc
# caught-by: bare svm_test
/avic_noaccel_info1(offset, true), vector);/{n;N;d}
