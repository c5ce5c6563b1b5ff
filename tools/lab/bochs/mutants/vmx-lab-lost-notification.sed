# SPDX-License-Identifier: LGPL-2.1-or-later
# what: the notification is not sent
# file: cpu/vapic.cc
# caught-by: lab bochs-vmx xapic_ipi_test
s/^  if (! VMX_PID_notify(control)) return true;/  if (true) return true;/
