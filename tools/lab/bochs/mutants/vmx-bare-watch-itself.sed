# SPDX-License-Identifier: LGPL-2.1-or-later
# what: a CPU does not remember what types it has
# file: cpu/paging.cc
# caught-by: bare vmx_watch
s/ept_memtypes |= 1 << type;/ept_memtypes |= 0;/
