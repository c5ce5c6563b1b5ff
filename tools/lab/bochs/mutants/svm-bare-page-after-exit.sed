# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the backing page is still the APIC page after the guest has ended
# file: cpu/svm.cc
# caught-by: bare svm_test
/avic_gpa_page = BX_CPU_THIS_PTR avic_page = AVIC_NO_PAGE;/d
