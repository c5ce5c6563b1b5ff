# SPDX-License-Identifier: LGPL-2.1-or-later
# what: an xAPIC takes the low byte of NDST
# file: cpu/vapic.cc
# caught-by: lab bochs-vmx xapic_ipi_test
s/(ndst & 0xff00) << 16/(ndst \& 0xff) << 24/
