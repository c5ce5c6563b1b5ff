# SPDX-License-Identifier: LGPL-2.1-or-later
# what: SN does not suppress the notification
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/(VMX_PID_ON | VMX_PID_SN)/VMX_PID_ON/
