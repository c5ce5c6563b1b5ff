# SPDX-License-Identifier: LGPL-2.1-or-later
# what: IPIs are virtualized with the control off
# file: cpu/vmx_ipiv.h
# caught-by: vmx_ipiv_test
s/ipi_virtualization && //
