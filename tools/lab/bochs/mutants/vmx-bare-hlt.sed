# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a notification with nothing to deliver ends HLT
# file: cpu/event.cc
# caught-by: bare vmx_test
/^        enter_sleep_state(BX_ACTIVITY_STATE_HLT);/s/.*/        ;/
