# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the vector is not set in PIR
# file: cpu/vapic.cc
# caught-by: lab bochs-vmx xapic_ipi_test
s/pir | (1 << (vector & 7))/pir/
