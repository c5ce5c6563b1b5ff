# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the last entry is not checked at VM entry
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/return (VMX_PID_pointer_entry_address(table, last_index).*/return true;/
