# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the APIC page does not lead to the backing page
# file: cpu/avic.cc
# caught-by: bare svm_test
s/return AVIC_CTRLS->avic_backing | PAGE_OFFSET(gpa);/return paddr;/
