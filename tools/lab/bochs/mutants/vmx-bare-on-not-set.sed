# SPDX-License-Identifier: LGPL-2.1-or-later
# what: ON is not set
# file: cpu/vapic.cc
# caught-by: bare vmx_test
/^  write_physical_qword(pid_addr + 32, control | VMX_PID_ON,/d
