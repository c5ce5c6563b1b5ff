# SPDX-License-Identifier: LGPL-2.1-or-later
# what: guest page tables in the APIC page are not redirected
# file: cpu/paging.cc
# caught-by: bare svm_test
s/^  return avic_redirect(guest_paddr, paddr);/  return is_page_walk ? paddr : avic_redirect(guest_paddr, paddr);/
