# SPDX-License-Identifier: LGPL-2.1-or-later
# what: PIR is not set
# file: cpu/vapic.cc
# caught-by: bare vmx_test
/^  write_physical_byte(pir_addr, /d
