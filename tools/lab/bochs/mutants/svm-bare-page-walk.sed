# SPDX-License-Identifier: LGPL-2.1-or-later
# what: guest page tables in the APIC page are not redirected
# file: cpu/paging.cc
# caught-by: bare svm_test
s/^  if (PPFOf(guest_paddr) == BX_CPU_THIS_PTR avic_gpa_page)/  if (! is_page_walk \&\& PPFOf(guest_paddr) == BX_CPU_THIS_PTR avic_gpa_page)/
